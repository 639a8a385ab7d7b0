import { expect, it } from "vitest";
import { type ListedFinding, type ListedSection, MOST_LISTED } from "../contract";
import { SourceError } from "../sources/error";
import { smallSource } from "../testing/small-map";
import { readFindings } from "./findings";

function section(source: ReturnType<typeof smallSource>["source"], at = 0): ListedSection {
  return source.manifest.findings?.sections[at] as ListedSection;
}

it("reads the findings of one section", async () => {
  const { source } = smallSource({
    findings: [
      { listed: [{ text: "First.", items: [1, 2] }] },
      { listed: [{ text: "Second.", items: [5], suggested: "dog", neighbors: [0] }] },
    ],
  });
  expect(await readFindings(source, section(source, 1))).toEqual([
    { text: "Second.", items: [5], n_items: 1, suggested: "dog", neighbors: [0] },
  ]);
});

it("a section without bytes has no findings", async () => {
  const { source } = smallSource({ findings: [{ listed: [{ text: "A." }], end: 0 }] });
  expect(await readFindings(source, section(source))).toEqual([]);
});

const VALID = { text: "A.", items: [], n_items: 0, suggested: null, neighbors: [] };

it.each([
  ["an item outside of the map", { items: [6] }],
  ["a negative item", { items: [-1] }],
  ["an item that is no number", { items: ["0"] }],
  ["too many items", { items: Array(25).fill(0) }],
  ["too many neighbors", { neighbors: Array(7).fill(0) }],
  ["items that are no list", { items: { length: 1 } }],
  ["a text that is no text", { text: { html: "<script>" } }],
  ["a suggestion that is no text", { suggested: 3 }],
  ["a number of items that is no number", { n_items: "many" }],
])("refuses %s", async (_, change) => {
  const listed = [VALID, { ...VALID, ...change }] as unknown as ListedFinding[];
  const { source } = smallSource({ findings: [{ listed }] });
  await expect(readFindings(source, section(source))).rejects.toThrow(SourceError);
});

it("refuses too many findings, and bytes that are no JSON", async () => {
  const { source } = smallSource({ findings: [{ listed: Array(MOST_LISTED + 1).fill(VALID) }] });
  await expect(readFindings(source, section(source))).rejects.toThrow(
    'The section "Section 0" of findings.bin is damaged. Make the map again.',
  );
  const cut = { ...section(source), start: 1 };
  await expect(readFindings(source, cut)).rejects.toThrow("damaged");
});
