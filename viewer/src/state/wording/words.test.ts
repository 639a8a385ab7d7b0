import { expect, it } from "vitest";
import { dateText, grayText, quotedQuery, readable, readableTogether, separable } from "./words";

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

it("dates have a time only if their column has times", () => {
  expect(dateText(1_777_593_600, false)).toBe("2026-05-01");
  expect(dateText(1_777_638_600, true)).toBe("2026-05-01 12:30");
  expect(dateText(1_777_638_601, true)).toBe("2026-05-01 12:30:01");
  expect(dateText(9e12, true)).toBe("9,000,000,000,000"); // beyond the dates of a browser
});

it("gray is explained only if an item has no value", () => {
  expect(grayText(Float32Array.of(1, 2))).toBeNull();
  expect(grayText(Float32Array.of(1, Number.NaN, Number.NaN))).toBe("Gray: 2 without a value");
});

it("a query with quotes gets no further quotes", () => {
  expect(["dog", '"copy of"', 'label:"sea lion"'].map(quotedQuery)).toEqual([
    "“dog”",
    '"copy of"',
    'label:"sea lion"',
  ]);
});

// the same names as in tests/unit/test_printable_names.py
it.each([
  [
    ["cat", "sea lion"],
    ["cat", "sea lion"],
  ],
  [
    ["noisy, tiny", "clear"],
    ["“noisy, tiny”", "“clear”"],
  ],
  [
    ["black and white", "red"],
    ["“black and white”", "“red”"],
  ],
  [[], []],
])("names %j in a list are in quotes if the reader could not separate them", (names, expected) => {
  expect(separable(names)).toEqual(expected);
});
