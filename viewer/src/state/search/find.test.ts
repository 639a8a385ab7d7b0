import { describe, expect, it } from "vitest";
import { smallApp } from "../../testing/small-map";
import { commonFolders, folded, haystackPage, matchingLines, termsOf } from "./find";
import { Haystack } from "./haystack";

const texts = (query: string) => termsOf(query, []).map(({ text }) => text);
const anywhere = (text: string) => ({ text, column: null });

describe("the text search", () => {
  it("ignores case and accents", () => {
    expect(folded("Müller ÉTÉ ΑΘΉΝΑ")).toBe("muller ete αθηνα");
    expect(texts("  Rote   Katze ")).toEqual(["rote", "katze"]);
  });

  // the same pairs as in tests/unit/app/test_item_table.py
  it.each([
    ["Käfer", "KAFER", true],
    ["Straße", "strasse", true],
    ["Straße", "STRAẞE", true],
    ["ΑΘΉΝΑΣ", "αθηνασ", true],
    ["ﾈｺ", "ネコ", true],
    ["Ｃａｔ", "cat", true],
    ["ガ", "カ", false],
    ["ｶﾞ", "ガ", true],
    ["أَرْنَب", "ارنب", true],
    ["قـــط", "قط", true],
    ["की", "क", false],
    ["ø", "o", false],
    ["Levi’s", "levi's", true],
  ])("compares %s and %s without case, accents and width", (text, query, same) => {
    expect(folded(text) === folded(query)).toBe(same);
  });

  it("reads words, phrases in quotes, and columns", () => {
    const columns = ["path", "label", "My Note"];
    expect(termsOf('rote "Große Katze" label:dog "my note":"at noon"', columns)).toEqual([
      { text: "rote", column: null },
      { text: "grosse katze", column: null },
      { text: "dog", column: 1 },
      { text: "at noon", column: 2 },
    ]);
    expect(texts('http://x "unclosed phrase')).toEqual(["http://x", "unclosed phrase"]);
    expect(texts('q"uo\'te "" :x a:')).toEqual(["q\"uo'te", ":x", "a:"]);
  });

  it("searches a term with a column only in this column", () => {
    const page = haystackPage(
      [
        ["dog/1.png", "cat/dog.png"],
        ["dog", "cat"],
      ],
      2,
    );
    const found = (query: string) => matchingLines(page, termsOf(query, ["path", "label"]));
    expect(found("dog")).toEqual([0, 1]);
    expect(found("label:dog")).toEqual([0]);
    expect(found("path:dog label:cat")).toEqual([1]);
    expect(found("label:png")).toEqual([]);
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
      expect(matchingLines(lines.join("\n"), sought.map(anywhere))).toEqual(expected);
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
    expect(page.split("\n")).toEqual(["dog\ta b\r \t\t", "cafe\tc\t\t"]);
    expect(matchingLines(page, [anywhere("dogta")])).toEqual([]);
  });
});

it.each([
  ["a/b/1.png", "a/b/2.png", "a/b/"],
  ["a/b/1.png", "a/b", "a/"],
  ["a/b/", "a/b/c", "a/b/"],
  ["a.png", "a.png", ""],
  ["a/1", "b/1", ""],
  ["", "a/1", ""],
])("the folders of %s and %s are %s", (one, other, folders) => {
  expect(commonFolders(one, other)).toBe(folders);
});

// the same queries as in tests/unit/app/test_item_table.py
it.each([
  ["catalogue", []],
  ["cat", [2]],
  ["path:cat", []],
  ["label:cat", [2]],
  ["catalogue.parquet/1", [0, 1]],
  ["PARQUET cät", [2]],
  ["parquet/2", [2]],
])("the folders of all paths are not searched: %s", async (query, expected) => {
  const paths = [1, 10, 2].map((row) => `Cätalogue.parquet/${row}`);
  const app = smallApp({ paths, classes: ["dog", "cat parquet"], codes: [0, 0, 1] });
  const found = await new Haystack(app).find(query, () => true);
  expect([...(found ?? [])]).toEqual(expected);
});
