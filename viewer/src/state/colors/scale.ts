/** Color scales for numbers and dates. */
import type { DateColumn, NumberColumn } from "../../contract";
import type { Numbers } from "../filters/filters";
import type { ThemeName } from "./class-colors";

/**
 * Viridis (van der Walt & Smith 2015, CC0) at equal steps: perceptually uniform, and readable with
 * any kind of color vision.
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

/** From blue to red; the gray middle is the limit of a column of the findings. */
const DIVERGING = {
  light: [
    [28, 96, 184],
    [172, 174, 180],
    [206, 32, 32],
  ],
  dark: [
    [84, 150, 238],
    [98, 101, 110],
    [255, 118, 84],
  ],
} as const;

/** Part of the scale by theme: the colors close to the background are left out. */
const PART = { light: [0, 0.9], dark: [0.14, 1] } as const;

export const STEPS = 128; // colors of a scale

type Color = readonly [number, number, number];

/** The color at `t`, from 0 to 1. */
function colorAt(t: number, stops: readonly Color[]): string {
  const at = t * (stops.length - 1);
  const left = Math.min(Math.floor(at), stops.length - 2);
  const [from, to] = stops.slice(left) as [Color, Color, ...Color[]];
  const hex = from.map((value, i) => {
    const mixed = Math.round(value + ((to[i] as number) - value) * (at - left));
    return mixed.toString(16).padStart(2, "0");
  });
  return `#${hex.join("")}`;
}

/** `STEPS` colors, for the smallest value first. */
export function numberPalette(theme: ThemeName, diverging = false): string[] {
  const [first, last] = diverging ? [0, 1] : PART[theme];
  const stops = diverging ? DIVERGING[theme] : VIRIDIS;
  return Array.from({ length: STEPS }, (_, i) =>
    colorAt(first + ((last - first) * i) / (STEPS - 1), stops),
  );
}

/** Maps numbers to positions on the color scale, and back. */
export interface NumberScale {
  readonly minimum: number;
  readonly maximum: number;
  /** False: the number itself. True: the logarithm of its distance from the minimum. */
  readonly logarithmic: boolean;
  /** The number of the first color, which the numbers below have too; may be below the minimum. */
  readonly lowest: number;
  /** True if the middle is the limit of a column of the findings. */
  readonly diverging: boolean;
  at(value: number): number;
  from(position: number): number;
}

const SAMPLE = 20_000; // numbers from which the median is estimated
const SKEWED = 0.125; // share of the range; a median below it makes the scale logarithmic

export function evenScale(minimum: number, maximum: number): NumberScale {
  const same = (value: number) => value;
  const [lowest, logarithmic, diverging] = [minimum, false, false];
  return { minimum, maximum, lowest, logarithmic, diverging, at: same, from: same };
}

/** A linear scale whose colors have `threshold` in the middle: the numbers far below have one color. */
function scaleAround(threshold: number, minimum: number, maximum: number): NumberScale {
  if (maximum <= threshold) return evenScale(minimum, maximum);
  const lowest = 2 * threshold - maximum;
  return {
    ...{ minimum, maximum, lowest, logarithmic: false, diverging: true },
    at: (value) => Math.max(value, lowest),
    from: (position) => (position <= lowest ? minimum : position),
  };
}

/**
 * Return the scale of a column. Columns of the findings have linear scales, with the threshold in
 * the middle. Others have a linear scale, or a logarithmic scale if the numbers are skewed, as
 * prices, sizes and counts are: on a linear scale most of them would get the same color. Both scales
 * accept zero and negative numbers.
 */
export function numberScale(
  values: Numbers,
  { minimum, maximum, finding }: Pick<NumberColumn, "minimum" | "maximum" | "finding">,
): NumberScale {
  if (finding) return scaleAround(finding.threshold ?? Infinity, minimum, maximum);
  const step = Math.max(1, Math.floor(values.length / SAMPLE));
  const sample = values.filter((value, i) => i % step === 0 && !Number.isNaN(value)).sort();
  const share = (part: number) => (sample[Math.floor(part * sample.length)] ?? minimum) - minimum;
  const unit = [0.05, 0.25, 0.5].map(share).find((distance) => distance > 0);
  if (unit === undefined || share(0.5) > SKEWED * (maximum - minimum)) {
    return evenScale(minimum, maximum);
  }
  const at = (value: number) => Math.log1p((value - minimum) / unit);
  const end = at(maximum);
  return {
    minimum,
    maximum,
    lowest: minimum,
    logarithmic: true,
    diverging: false,
    at,
    from: (position) => (position >= end ? maximum : minimum + unit * Math.expm1(position)),
  };
}

/** The scale of a column; the scale of dates is linear. */
export function columnScale(column: NumberColumn | DateColumn, values: Numbers): NumberScale {
  const { minimum, maximum } = column;
  return column.kind === "date" ? evenScale(minimum, maximum) : numberScale(values, column);
}

/** The palette index of each number; `none` for NaN. */
export function numberCodes(
  values: Numbers,
  scale: NumberScale,
  none: number,
): Uint16Array<ArrayBuffer> {
  const codes = new Uint16Array(values.length);
  const [first, last] = [scale.at(scale.lowest), scale.at(scale.maximum)];
  const factor = last > first ? STEPS / (last - first) : 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    codes[i] = Number.isNaN(value)
      ? none
      : Math.max(0, Math.min(STEPS - 1, Math.floor((scale.at(value) - first) * factor)));
  }
  return codes;
}
