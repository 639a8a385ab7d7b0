import { expect, it } from "vitest";
import { grayText, readable, readableTogether } from "./words";

it("numbers have four significant digits", () => {
  expect([1234567, 1995, 0.083333, -2.5, 0.000003844].map(readable)).toEqual([
    "1,234,567",
    "1995",
    "0.08333",
    "-2.5",
    "3.8e-6",
  ]);
});

it.each([
  [
    [3.7e-6, 8.868, 11.5],
    ["0.0", "8.9", "11.5"],
  ],
  [
    [0.0415, 0.1],
    ["0.042", "0.100"],
  ],
  [
    [0, 0],
    ["0", "0"],
  ],
  [
    [812.4, 1234],
    ["812", "1,234"],
  ],
  [[], []],
])("writes numbers side by side to the same place: %j", (values, texts) => {
  expect(readableTogether(values)).toEqual(texts);
});

it("gray is explained only if an item has no value", () => {
  expect(grayText(Float32Array.of(1, 2))).toBeNull();
  expect(grayText(Float32Array.of(1, Number.NaN, Number.NaN))).toBe("Gray: 2 without a value");
});
