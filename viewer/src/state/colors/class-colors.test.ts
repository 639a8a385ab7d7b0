import { expect, it } from "vitest";
import { STAGE_THEMES } from "../view/stage-sync";
import { classColor, linear, oklab } from "./class-colors";

// src/featscape/labels/colors.py
const TEN = [
  "#0a5cd6",
  "#f7a224",
  "#237752",
  "#e7436d",
  "#b6aaff",
  "#8a3819",
  "#2acaa0",
  "#6d4177",
  "#3097b3",
  "#7c7d0f",
];
// the darkest of the further ones
const FURTHER = ["#871082", "#74209c", "#9a0b2c", "#862569", "#5b35a5", "#493cab"];
const SURFACE = "#1a1d23"; // of the panels

// Total lack of one kind of cone: Machado, Oliveira and Fernandes (2009), severity 1.
const VISIONS = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protanopia: [
    0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998,
  ],
  deuteranopia: [
    0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881,
  ],
  tritanopia: [
    1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039,
  ],
};

function contrast(one: string, other: string): number {
  const [dark, light] = [one, other]
    .map((color) => {
      const [r, g, b] = linear(color);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    })
    .sort((a, b) => a - b) as [number, number];
  return light / dark;
}

/** The least distance of any two in OKLab, as seen with a vision. */
function leastDistance(colors: readonly string[], vision: readonly number[]): number {
  const seen = colors.map((color) => {
    const light = linear(color);
    const parts = [0, 3, 6].map((row) => {
      const part = light.reduce((sum, value, i) => sum + value * (vision[row + i] ?? 0), 0);
      return Math.min(Math.max(part, 0), 1);
    });
    return oklab(parts as unknown as ReturnType<typeof linear>);
  });
  const distances = seen.flatMap((a, i) =>
    seen.slice(0, i).map((b) => Math.hypot(...a.map((part, axis) => part - (b[axis] ?? 0)))),
  );
  return Math.min(...distances);
}

const dark = (colors: readonly string[]) => colors.map((color) => classColor(color, "dark"));

it("colors do not change on light, and a missing color stays missing", () => {
  expect(TEN.map((color) => classColor(color, "light"))).toEqual(TEN);
  expect(classColor("", "dark")).toBe("");
});

it("only the lightness changes, and little for light colors", () => {
  for (const color of TEN) {
    const [before, after] = [color, classColor(color, "dark")].map((each) => oklab(linear(each)));
    const [lightness = 0, ...hue] = before ?? [];
    expect(after?.[0]).toBeCloseTo(0.8 - 0.75 * (0.8 - lightness), 2);
    for (const axis of [1, 2] as const) expect(after?.[axis]).toBeCloseTo(hue[axis - 1] ?? 0, 2);
  }
});

it("every color has enough contrast on dark", () => {
  for (const color of dark([...TEN, ...FURTHER])) {
    expect(contrast(color, STAGE_THEMES.dark.background)).toBeGreaterThan(3);
  }
  for (const color of dark(TEN)) expect(contrast(color, SURFACE)).toBeGreaterThan(3);
});

it.each(Object.entries(VISIONS))("keeps ten colors apart on dark with %s vision", (_, vision) => {
  const least = leastDistance(dark(TEN), vision);
  expect(least).toBeGreaterThan(0.7 * leastDistance(TEN, vision));
  expect(least).toBeGreaterThan(0.05);
});
