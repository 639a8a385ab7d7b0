/** Colors for numbers, and the words for them. */
import { AGREEMENT } from "../contract";

/**
 * Viridis (van der Walt & Smith 2015, CC0) at equal steps: even to the eye, and read alike with any
 * kind of color vision.
 */
const VIRIDIS = [
  [68, 1, 84],
  [72, 36, 117],
  [65, 68, 135],
  [53, 95, 141],
  [42, 120, 142],
  [33, 145, 140],
  [34, 168, 132],
  [68, 191, 112],
  [122, 209, 81],
  [189, 223, 38],
  [253, 231, 37],
] as const;

/** The end that would sink into the background is left out. */
const PART = { light: [0, 0.9], dark: [0.14, 1] } as const;

export const STEPS = 128;

function viridis(t: number): string {
  const at = t * (VIRIDIS.length - 1);
  const left = Math.min(Math.floor(at), VIRIDIS.length - 2);
  const [from, to] = [VIRIDIS[left], VIRIDIS[left + 1]];
  if (!from || !to) throw new RangeError(`a place on the scale lies in 0 to 1; got ${t}`);
  const hex = from.map((value, i) => {
    const mixed = Math.round(value + ((to[i] ?? 0) - value) * (at - left));
    return mixed.toString(16).padStart(2, "0");
  });
  return `#${hex.join("")}`;
}

/** `STEPS` colors, least first. */
export function numberPalette(theme: "light" | "dark"): string[] {
  const [first, last] = PART[theme];
  return Array.from({ length: STEPS }, (_, i) =>
    viridis(first + ((last - first) * i) / (STEPS - 1)),
  );
}

/** The palette's index for each number; `none` for NaN. */
export function numberCodes(
  values: Float32Array,
  minimum: number,
  maximum: number,
  none: number,
): Uint16Array<ArrayBuffer> {
  const codes = new Uint16Array(values.length);
  const factor = maximum > minimum ? STEPS / (maximum - minimum) : 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    codes[i] = Number.isNaN(value)
      ? none
      : Math.max(0, Math.min(STEPS - 1, Math.floor((value - minimum) * factor)));
  }
  return codes;
}

/** A number as people write it: four digits that count, and no more; a year has no comma. */
export function readable(value: number): string {
  const useGrouping = Math.abs(value) >= 10_000;
  if (Number.isInteger(value)) return value.toLocaleString("en-US", { useGrouping });
  if (Math.abs(value) < 1e-4) return value.toExponential(1);
  return value.toLocaleString("en-US", { maximumSignificantDigits: 4, useGrouping });
}

/** Numbers that stand side by side: all to the place of the greatest one's third digit. */
export function readableTogether(values: readonly number[]): string[] {
  const most = Math.max(...values.map(Math.abs));
  const wanted = most > 0 ? 2 - Math.floor(Math.log10(most)) : 0;
  const digits = Math.min(Math.max(wanted, 0), 9);
  return values.map((value) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  );
}

/** A column's number in words. */
export function valueText(column: string, value: number): string {
  return column === AGREEMENT ? `${Math.round(100 * value)}%` : readable(value);
}
