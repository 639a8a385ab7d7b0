import { expect, it } from "vitest";
import { numberCodes, numberPalette, readable, readableTogether, STEPS, valueText } from "./scale";

it("gives each number its step, and none to none", () => {
  const values = Float32Array.of(0, 0.5, 1, 2, -1, Number.NaN);
  const codes = [...numberCodes(values, 0, 1, 65535)];
  expect(codes).toEqual([0, STEPS / 2, STEPS - 1, STEPS - 1, 0, 65535]);
});

it("gives one color to a column of one number", () => {
  expect([...numberCodes(Float32Array.of(3, 3), 3, 3, 65535)]).toEqual([0, 0]);
});

it("grows evenly brighter", () => {
  for (const theme of ["light", "dark"] as const) {
    const palette = numberPalette(theme);
    expect(palette).toHaveLength(STEPS);
    const luminance = palette.map((color) => {
      const [r, g, b] = [1, 3, 5].map(
        (at) => (Number.parseInt(color.slice(at, at + 2), 16) / 255) ** 2.2,
      );
      return 0.2126 * (r ?? 0) + 0.7152 * (g ?? 0) + 0.0722 * (b ?? 0);
    });
    for (let i = 1; i < STEPS; i++) {
      expect(luminance[i]).toBeGreaterThan((luminance[i - 1] as number) - 0.002);
    }
    expect(luminance.at(-1)).toBeGreaterThan((luminance[0] as number) + 0.4);
  }
});

it("writes numbers as people do", () => {
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

it("writes agreement as a share, and other columns as they are", () => {
  expect(valueText("agreement", 2 / 3)).toBe("67%");
  expect(valueText("height", 0.25)).toBe("0.25");
});
