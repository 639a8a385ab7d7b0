import { expect, it } from "vitest";
import { mapNames } from "./map-names";

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

it("a long name is shortened inside", () => {
  const [, long] = mapNames({ names, classes }, new Set(), "light", null);
  expect(long?.text).toBe(`${"d".repeat(17)}…${"d".repeat(6)}`);
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
