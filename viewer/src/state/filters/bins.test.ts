import { expect, it } from "vitest";
import type { DateColumn, NumberColumn } from "../../contract";
import { binFilter, binsOf, filteredBins, nextBin } from "./bins";
import type { Numbers } from "./filters";

const file = { file: "a.bin", dtype: "float32", shape: [] } as const;

function extent(values: Numbers): { minimum: number; maximum: number } {
  const present = [...values].filter((value) => !Number.isNaN(value));
  return { minimum: Math.min(...present), maximum: Math.max(...present) };
}

function numbers(values: Float32Array) {
  const column: NumberColumn = {
    kind: "number",
    name: "a",
    finding: null,
    values: file,
    ...extent(values),
  };
  return binsOf(column, values);
}

function dates(texts: readonly string[], hasTime: boolean) {
  const values = Float64Array.from(texts, (text) => Date.parse(`${text}Z`) / 1000);
  const column: DateColumn = {
    kind: "date",
    name: "a",
    values: file,
    has_time: hasTime,
    ...extent(values),
  };
  return binsOf(column, values);
}

const texts = (values: Float64Array) =>
  [...values].map((value) => new Date(value * 1000).toISOString().slice(0, 16));

it("few distinct values have one bin each, and a missing value has none", () => {
  const bins = numbers(Float32Array.of(5, 0.25, Number.NaN, 5, -1));
  expect(bins.count).toBe(3);
  expect([...bins.codes]).toEqual([2, 1, 3, 2, 0]);
  expect([...bins.totals]).toEqual([1, 1, 2, 1]);
  expect([...bins.lowest]).toEqual([-1, 0.25, 5]);
});

it("twelve different numbers have bins with round edges", () => {
  const bins = numbers(Float32Array.of(76, 77, 90, 200, 210, 300, 310, 320, 400, 410, 1020, 1039));
  expect(bins.totals[0]).toBeGreaterThan(1);
  expect([...bins.totals].filter((total) => total === 0).length).toBeGreaterThan(3);
});

it("eight numbers that are repeated have one bin each", () => {
  const bins = numbers(Float32Array.from({ length: 16 }, (_, i) => 2 ** (i % 8)));
  expect([...bins.totals]).toEqual([...Array(8).fill(2), 0]);
});

it("many numbers have bins with round edges, and every item is in its bin", () => {
  const values = Float32Array.from({ length: 500 }, (_, i) => 3 + ((i * 37) % 500));
  const bins = numbers(values);
  expect(bins.count).toBe(26); // of 20 each
  expect([bins.lowest[0], bins.highest[0], bins.lowest[1]]).toEqual([3, 19, 20]);
  expect(bins.totals.reduce((sum, each) => sum + each)).toBe(500);
});

it("skewed numbers have bins of equal size on the logarithmic scale", () => {
  const bins = numbers(Float32Array.from({ length: 1000 }, (_, i) => Math.round(1.012 ** i)));
  const most = Math.max(...bins.totals);
  expect(most).toBeLessThan(400);
  expect(bins.count).toBeGreaterThan(15);
  expect([...bins.totals.subarray(0, bins.count)].filter((total) => total === 0)).toEqual([]);
});

it("dates have bins of whole months, weeks or hours", () => {
  const every = (n: number, ms: number) =>
    Array.from({ length: n }, (_, i) =>
      new Date(Date.UTC(2025, 10, 14) + i * ms).toISOString().slice(0, 19),
    );
  const day = 86_400_000;
  const months = dates(every(400, day), false);
  expect(texts(months.lowest).slice(1, 3)).toEqual(["2025-12-01T00:00", "2026-01-01T00:00"]);
  const weeks = dates(every(100, day), false);
  expect(texts(weeks.lowest)[1]).toBe("2025-11-17T00:00"); // a Monday
  const hours = dates(every(300, 300_000), true);
  expect(texts(hours.lowest)[1]).toBe("2025-11-14T01:00");
});

it("a range of bins becomes a filter with the values of its items, and back", () => {
  const bins = numbers(Float32Array.of(1, 2, 2, 4, Number.NaN));
  const filter = binFilter(bins, { first: 1, last: 2 });
  expect(filter).toEqual({ kind: "range", lower: 2, upper: 4 });
  expect(filteredBins(bins, filter ?? undefined)).toEqual({ first: 1, last: 2 });
  expect(filteredBins(bins, { kind: "range", lower: 1.5, upper: 3 })).toEqual({
    first: 1,
    last: 1,
  });
  expect(binFilter(bins, { first: 0, last: 2 })).toBeNull();
  expect(filteredBins(bins, undefined)).toEqual({ first: 0, last: 2 });
});

it("empty bins give no filter, and the next bin with items is found", () => {
  const values = Float32Array.from({ length: 60 }, (_, i) => (i < 30 ? i : 1000 - i));
  const bins = numbers(values);
  const empty = bins.totals.indexOf(0);
  expect(binFilter(bins, { first: empty, last: empty })).toBeUndefined();
  expect(nextBin(bins, empty, 1)).toBeGreaterThan(empty);
  expect(nextBin(bins, empty, -1)).toBe(empty - 1);
  expect(nextBin(bins, bins.count, 1)).toBeNull();
});

it.each([
  [Number.NaN, Number.NaN],
  [1e300, -1e300],
  [7, 7],
])("damaged ends of a column give bins all the same: %d, %d", (minimum, maximum) => {
  const values = Float64Array.from({ length: 40 }, (_, i) => i * 1e250);
  const column: DateColumn = {
    kind: "date",
    name: "a",
    values: file,
    has_time: true,
    minimum,
    maximum,
  };
  const bins = binsOf(column, values);
  expect(bins.count).toBeGreaterThan(0);
  expect(bins.totals.reduce((sum, each) => sum + each)).toBe(40);
});
