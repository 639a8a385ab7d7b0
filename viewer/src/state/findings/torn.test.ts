import { expect, it } from "vitest";
import { elsewhere } from "./torn";

/** Items on a line at 0, 1, 2, …, in two dimensions. */
const line = Float32Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? i / 2 : 0));

it("the neighbors beyond the 30 nearest items of the map are elsewhere", () => {
  expect(elsewhere(line, 2, 0, [1, 30, 31, 99])).toEqual([31, 99]);
  expect(elsewhere(line, 2, 50, [36, 64, 65, 66, 3])).toEqual([66, 3]);
});

it("on a map of 61 items, the 10 nearest items count", () => {
  expect(elsewhere(line.subarray(0, 122), 2, 0, [10, 11, 60])).toEqual([11, 60]);
});

it("an item without neighbors has none elsewhere, and neither has the nearest item", () => {
  expect(elsewhere(line, 2, 0, [])).toEqual([]);
  expect(elsewhere(line.subarray(0, 122), 2, 0, [1])).toEqual([]);
});

it("no item is elsewhere on a map of fewer than 31 items, as 5 neighbors are compared", () => {
  expect(elsewhere(line.subarray(0, 62), 2, 0, [5, 6, 29])).toEqual([6, 29]);
  expect(elsewhere(line.subarray(0, 60), 2, 0, [5, 6, 29])).toEqual([]);
});

it("all three dimensions count", () => {
  const deep = Float32Array.from({ length: 600 }, (_, i) => (i % 3 === 2 ? (i - 2) / 3 : 0));
  expect(elsewhere(deep, 3, 0, [30, 31])).toEqual([31]);
});
