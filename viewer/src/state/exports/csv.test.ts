import { describe, expect, it } from "vitest";
import { shortest } from "../items/cells";
import { csv, csvField } from "./csv";

/** RFC 4180 read back, a character at a time. */
function parse(text: string): string[][] {
  const rows: string[][] = [[""]];
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const row = rows.at(-1) as string[];
    const last = row.length - 1;
    const character = text[i] as string;
    if (quoted && character === '"' && text[i + 1] === '"') row[last] += text[i++] as string;
    else if (character === '"') quoted = !quoted;
    else if (!quoted && character === ",") row.push("");
    else if (!quoted && text.startsWith("\r\n", i)) {
      rows.push([""]);
      i++;
    } else row[last] += character;
  }
  return rows.slice(0, -1);
}

describe("csv", () => {
  it("any content is read back unchanged", () => {
    const row = ['a,"b"', "line\r\nend", "قطة", "", 'x"', "<script>alert(1)</script>"];
    expect(parse(csv(["one", "two"], [row]))).toEqual([["one", "two"], row]);
  });

  it.each(["=1+1", "+1", "-2", "@SUM(A1)", "\tx", "\rx"])("disarms the formula %j", (text) => {
    expect(parse(csv([text], []))).toEqual([[`'${text}`]]);
  });

  it.each([0.1, 1 / 3, 16_777_217, 1e-30, -3.4e38, 0, 7])(
    "%d is read back as the same float32",
    (number) => {
      const value = Math.fround(number);
      expect(Math.fround(shortest(value))).toBe(value);
      expect(String(shortest(value)).replace(/[^0-9]|e.*/g, "").length).toBeLessThan(10);
    },
  );

  it("a float32 is written with the fewest digits", () => {
    expect(csvField(shortest(Math.fround(0.1)))).toBe("0.1");
    expect(csvField(shortest(Number.NaN))).toBe("");
  });

  it("numbers are not quoted, and missing values are empty", () => {
    expect([-1.5, 0, Number.NaN, null].map(csvField)).toEqual(["-1.5", "0", "", ""]);
  });
});
