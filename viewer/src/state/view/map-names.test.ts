import { expect, it } from "vitest";
import { hasNames, mapNames, regionNames } from "./map-names";

const classes = [
  { name: "cat", color: "#0a5cd6", count: 100 },
  { name: "d".repeat(40), color: "#f7a224", count: 25 },
];
const names = [
  { item: 3, code: 0, n_items: 100 },
  { item: 5, code: 1, n_items: 25 },
];

it("the size of a name depends on the number of items in its cluster", () => {
  const made = mapNames({ names, classes }, new Set(), "light", null);
  expect(made.map(({ item, sizePx }) => [item, sizePx])).toEqual([
    [3, 19],
    [5, 16],
  ]);
});

it("hidden classes and classes that the map lacks have no name", () => {
  const lacking = [...names, { item: 0, code: 2, n_items: 1 }];
  expect(mapNames({ names: lacking, classes }, new Set([0]), "dark", null)).toHaveLength(1);
  expect(mapNames({ names, classes: null }, new Set(), "dark", null)).toEqual([]);
});

it("names are darker than their class on a light background, and lighter on a dark one", () => {
  const color = (theme: "light" | "dark", ink: string | null) =>
    mapNames({ names, classes }, new Set(), theme, ink)[0]?.color;
  expect(color("light", null)).toBe("#063376");
  expect(Number.parseInt(color("dark", null)?.slice(5) ?? "", 16)).toBeGreaterThan(0xd6);
  expect(color("dark", "#ffffff")).toBe("#ffffff");
});

const regions = [
  { item: 1, name: "dog", level: 0, n_items: 60, image: 4 },
  { item: 9, name: "face powder", level: 0, n_items: 6, image: 9 },
  { item: 2, name: "terrier", level: 1, n_items: 20, image: 5 },
  { item: 3, name: "pug", level: 2, n_items: 4, image: 6 },
];

it("the names of regions of fewer items and of later levels are smaller", () => {
  const made = regionNames({ names: [], regions }, "#16181d");
  expect(made.map(({ text, sizePx, fromZoom }) => [text, sizePx, fromZoom])).toEqual([
    ["dog", 17, 0],
    ["face powder", 14, 0],
    ["terrier", 13, 1.6],
    ["pug", 12, 3.2],
  ]);
});

it("a map with names of classes shows the regions only when it is enlarged", () => {
  const [dog] = regionNames({ names, regions }, "#16181d");
  expect(dog?.fromZoom).toBe(1.6);
  expect(hasNames({ names: [], regions })).toBe(true);
  expect(hasNames({ names: [], regions: [] })).toBe(false);
});
