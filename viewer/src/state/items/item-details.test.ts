import { expect, it } from "vitest";
import { smallApp } from "../../testing/small-map";
import { columnFacts } from "./item-details";

const { manifest } = smallApp();
const ITEM = { id: 0, label: null, path: null, width: null, height: null, columns: {} };

it("the size is one entry, from either source", () => {
  const asked = { ...ITEM, width: 30, height: 1200 };
  const read = { ...ITEM, columns: { width: 30, height: 1200 } };
  for (const details of [asked, read, { ...asked, columns: read.columns }]) {
    expect(columnFacts(details, manifest)).toEqual([["size", "30 × 1200"]]);
  }
  expect(columnFacts({ ...ITEM, columns: { width: 30 } }, manifest)).toEqual([["width", "30"]]);
});

it("gives the label agreement as a number of neighbors", () => {
  const columns = { agreement: 0.5 };
  expect(columnFacts({ ...ITEM, columns }, manifest)).toEqual([
    ["agreement", "1 of 2 neighbors share its label"],
  ]);
});

it("the map's columns come first in their order, then the server's", () => {
  const columns = { more: "words", split: "train", value: 0.25, note: null };
  expect(columnFacts({ ...ITEM, columns }, manifest)).toEqual([
    ["value", "0.25"],
    ["split", "train"],
    ["more", "words"],
  ]);
});

it("the suggested label is shown only if it is more probable than the label", () => {
  for (const [suspicion, isShown] of [
    [-1, false],
    [0.5, true],
    [null, true],
  ] as const) {
    const columns = { suggested: "birds", suspicion };
    const names = columnFacts({ ...ITEM, columns }, manifest).map(([name]) => name);
    expect(names.includes("suggested")).toBe(isShown);
  }
});

it("the number of the group of duplicates is not shown", () => {
  const columns = { duplicates: "exact", duplicate_group: 93 };
  expect(columnFacts({ ...ITEM, columns }, manifest)).toEqual([["duplicates", "exact"]]);
});

it("a negative number has a minus sign", () => {
  const columns = { value: -2.702 };
  expect(columnFacts({ ...ITEM, columns }, manifest)).toEqual([["value", "\u22122.702"]]);
});
