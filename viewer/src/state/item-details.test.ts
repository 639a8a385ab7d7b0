import { expect, it } from "vitest";
import { smallApp } from "../testing/small-map";
import { columnFacts } from "./item-details";

const { manifest } = smallApp();
const ITEM = { id: 0, label: null, path: null, width: null, height: null, columns: {} };

it("gives the size in one line, wherever it is known from", () => {
  const asked = { ...ITEM, width: 30, height: 1200 };
  const read = { ...ITEM, columns: { width: 30, height: 1200 } };
  for (const details of [asked, read, { ...asked, columns: read.columns }]) {
    expect(columnFacts(details, manifest)).toEqual([["size", "30 × 1200"]]);
  }
  expect(columnFacts({ ...ITEM, columns: { width: 30 } }, manifest)).toEqual([["width", "30"]]);
});

it("says what agrees", () => {
  const columns = { agreement: 0.75 };
  expect(columnFacts({ ...ITEM, columns }, manifest)).toEqual([["agreement", "75% of neighbors"]]);
});

it("gives the map's columns in their order, and those that only the server knows after them", () => {
  const columns = { more: "words", split: "train", value: 0.25, note: null };
  expect(columnFacts({ ...ITEM, columns }, manifest)).toEqual([
    ["value", "0.25"],
    ["split", "train"],
    ["more", "words"],
  ]);
});
