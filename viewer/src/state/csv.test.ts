import { describe, expect, it } from "vitest";
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
  it("is read back as it was, whatever stands in it", () => {
    const row = ['a,"b"', "line\r\nend", "قطة", "", 'x"', "<script>alert(1)</script>"];
    expect(parse(csv(["one", "two"], [row]))).toEqual([["one", "two"], row]);
  });

  it.each(["=1+1", "+1", "-2", "@SUM(A1)", "\tx", "\rx"])("disarms the formula %j", (text) => {
    expect(parse(csv([text], []))).toEqual([[`'${text}`]]);
  });

  it("leaves numbers alone, and nothing for none", () => {
    expect([-1.5, 0, Number.NaN, null].map(csvField)).toEqual(["-1.5", "0", "", ""]);
  });
});
