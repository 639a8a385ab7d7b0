import { describe, expect, it } from "vitest";
import { numberCodes, numberPalette, numberScale, STEPS } from "./scale";

const scaleOf = (values: Float32Array, minimum: number, maximum: number) =>
  numberScale(values, { minimum, maximum, finding: null });

it("each number has its step, and NaN the code for none", () => {
  const values = Float32Array.of(0, 0.5, 1, 2, -1, Number.NaN);
  const codes = [...numberCodes(values, scaleOf(values, 0, 1), 65535)];
  expect(codes).toEqual([0, STEPS / 2, STEPS - 1, STEPS - 1, 0, 65535]);
});

it("a column of one value has one color", () => {
  const values = Float32Array.of(3, 3);
  expect([...numberCodes(values, scaleOf(values, 3, 3), 65535)]).toEqual([0, 0]);
});

it("the palette's lightness increases evenly", () => {
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

it("a few very large numbers make the scale logarithmic, even with zeros", () => {
  const values = Float32Array.from({ length: 1000 }, (_, i) => (i < 20 ? 0 : 1.01 ** i));
  const maximum = Math.max(...values);
  const scale = scaleOf(values, 0, maximum);
  expect(scale.logarithmic).toBe(true);
  const codes = numberCodes(values, scale, 65535);
  expect(codes[0]).toBe(0);
  expect(codes[500]).toBeGreaterThan(STEPS / 4);
  expect(codes[999]).toBe(STEPS - 1);
  for (let i = 1; i < values.length; i++)
    expect(codes[i]).toBeGreaterThanOrEqual(codes[i - 1] ?? 0);
  for (const value of [0, 5, maximum]) expect(scale.from(scale.at(value))).toBeCloseTo(value, 3);
  expect(scale.from(scale.at(maximum))).toBe(maximum);
});

it("one photograph three times as wide as the others leaves the widths distinguishable", () => {
  const values = Float32Array.from({ length: 154 }, (_, i) => 82 * 17.3 ** ((i / 153) ** 1.7));
  const scale = scaleOf(values, Math.min(...values), Math.max(...values));
  const codes = numberCodes(values, scale, 65535);
  expect(codes[76]).toBeGreaterThan(STEPS / 4);
});

it.each([
  ["even numbers", (i: number) => i],
  ["one number, but for a few", (i: number) => (i < 990 ? 0 : i)],
  ["negative numbers", (i: number) => -50 - (i % 7)],
])("leaves %s on an even scale", (_, number) => {
  const values = Float32Array.from({ length: 1000 }, (_, i) => number(i));
  const scale = scaleOf(values, Math.min(...values), Math.max(...values));
  expect(scale.logarithmic).toBe(false);
});

describe("a column of the findings", () => {
  const around = (threshold: number | null, minimum: number, maximum: number) => {
    const finding = { title: "suspicion", note: "", is_share: false, threshold };
    return numberScale(new Float32Array(), { minimum, maximum, finding });
  };

  it("has its threshold in the middle of the colors, and one color far below", () => {
    const scale = around(0, -20, 4);
    const codes = [...numberCodes(Float32Array.of(-20, -4, 0, 3.99), scale, 65535)];
    expect(codes).toEqual([0, 0, 64, 127]);
    expect(scale.lowest).toBe(-4);
    expect(scale.from(scale.at(-4))).toBe(-20); // the slider at its left end keeps all items
  });

  it("has a gray middle between blue and red, and other columns have not", () => {
    const scales = [around(0, -20, 4), around(0, -1, 4), around(0, -20, -1), around(null, 0, 1)];
    expect(scales.map(({ diverging }) => diverging)).toEqual([true, true, false, false]);
    for (const theme of ["light", "dark"] as const) {
      const palette = numberPalette(theme, true);
      const [low, middle, high] = [0, STEPS / 2, STEPS - 1].map((at) =>
        [1, 3, 5].map((i) => Number.parseInt(palette[at]?.slice(i, i + 2) ?? "", 16)),
      ) as [number[], number[], number[]];
      expect(Math.max(...middle) - Math.min(...middle)).toBeLessThan(20);
      expect(low[2]).toBeGreaterThan(2 * (low[0] as number));
      expect(high[0]).toBeGreaterThan(2 * (high[2] as number));
    }
  });

  it("leaves the first colors out if no number is far below", () => {
    const scale = around(0, -1, 4);
    expect([...numberCodes(Float32Array.of(-1, 0, 4), scale, 65535)]).toEqual([48, 64, 127]);
    expect(scale.from(scale.at(-1))).toBe(-1);
  });

  it("has a plain scale if no number is above the threshold", () => {
    expect(around(0, -20, -1).lowest).toBe(-20);
    expect(around(null, 0, 1).lowest).toBe(0);
  });
});
