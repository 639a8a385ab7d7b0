import { expect, it } from "vitest";
import { elsewhere } from "./torn";

/** Items on a line at 0, 1, 2, …, in two dimensions. */
const line = Float32Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? i / 2 : 0));

it("the neighbors beyond the 30 nearest items of the map are elsewhere", () => {
  expect(elsewhere(line, 2, 0, [1, 30, 31, 99])).toEqual([31, 99]);
  expect(elsewhere(line, 2, 50, [36, 64, 65, 66, 3])).toEqual([66, 3]);
});

it("no neighbor of a small map is elsewhere, and an item without neighbors has none", () => {
  expect(elsewhere(line.subarray(0, 60), 2, 0, [29, 1])).toEqual([]);
  expect(elsewhere(line, 2, 0, [])).toEqual([]);
});

it("all three dimensions count", () => {
  const deep = Float32Array.from({ length: 300 }, (_, i) => (i % 3 === 2 ? (i - 2) / 3 : 0));
  expect(elsewhere(deep, 3, 0, [30, 31])).toEqual([31]);
});
