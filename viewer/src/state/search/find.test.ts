import { describe, expect, it } from "vitest";
import { folded, haystackPage, matchingLines, words } from "./find";

describe("the text search", () => {
  it("ignores case and accents", () => {
    expect(folded("Müller ÉTÉ ΑΘΉΝΑ")).toBe("muller ete αθηνα");
    expect(words("  Rote   Katze ")).toEqual(["rote", "katze"]);
  });

  it("finds the same lines as a search line by line", () => {
    const letters = ["a", "b", "ab", "ba", "c", ""];
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 48271) % 2147483647;
      return seed % below;
    };
    for (let trial = 0; trial < 300; trial++) {
      const lines = Array.from({ length: random(7) + 1 }, () =>
        Array.from({ length: random(4) }, () => letters[random(6)]).join(""),
      );
      const sought = [letters[random(5)] as string, letters[random(5)] as string];
      const expected = lines.flatMap((line, i) =>
        sought.every((word) => line.includes(word)) ? [i] : [],
      );
      expect(matchingLines(lines.join("\n"), sought)).toEqual(expected);
    }
  });

  it("keeps one line per item, even if texts contain line ends", () => {
    const page = haystackPage(
      [
        ["Dog", "Café"],
        ["a\nb\r\n", "c"],
        [null, undefined],
      ],
      2,
    );
    expect(page.split("\n")).toEqual(["dog\ta b\r \t", "cafe\tc\t"]);
    expect(matchingLines(page, ["dogta"])).toEqual([]);
  });
});
