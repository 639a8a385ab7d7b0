/** The bins of a column's histogram. */
import type { DateColumn, NumberColumn } from "../../contract";
import { columnScale } from "../colors/scale";
import type { Filter, Numbers } from "./filters";

export interface Bins {
  readonly count: number;
  /** The bin of each item; `count` for an item without a value. */
  readonly codes: Uint16Array;
  /** Number of items by code. */
  readonly totals: Uint32Array;
  /** The smallest value in each bin; Infinity in an empty bin. */
  readonly lowest: Float64Array;
  /** The largest value in each bin; -Infinity in an empty bin. */
  readonly highest: Float64Array;
}

/** A range of bins, both ends included. */
export interface BinRange {
  readonly first: number;
  readonly last: number;
}

const MOST_BINS = 30;
// Up to this number of distinct values, each has its own bin: always of few values, otherwise if
// the values are repeated. The heights of 12 images, for example, all differ.
const MOST_DISTINCT = 24;
const FEW_DISTINCT = 6;

/** Return the bins of a column; the lower edges of the bins are round numbers or dates. */
export function binsOf(column: NumberColumn | DateColumn, values: Numbers): Bins {
  return fill(values, distinct(values) ?? edgesOf(column, values));
}

const kept = new WeakMap<Numbers, Bins>();

/** As `binsOf`; the bins of the same array are computed once. */
export function keptBins(column: NumberColumn | DateColumn, values: Numbers): Bins {
  let bins = kept.get(values);
  if (!bins) {
    bins = binsOf(column, values);
    kept.set(values, bins);
  }
  return bins;
}

/** The bins of the items that a filter shows; all bins without a filter. */
export function filteredBins(
  { count, lowest, highest }: Bins,
  filter: Filter | undefined,
): BinRange {
  if (filter?.kind !== "range") return { first: 0, last: count - 1 };
  let first = 0;
  while (first < count - 1 && !((highest[first] as number) >= filter.lower)) first++;
  let last = count - 1;
  while (last > first && !((lowest[last] as number) <= filter.upper)) last--;
  return { first, last };
}

/**
 * The filter that shows the items of some bins: the range from their smallest to their largest
 * value. Null if the bins contain every value; undefined if they contain none.
 */
export function binFilter(bins: Bins, { first, last }: BinRange): Filter | null | undefined {
  const lower = Math.min(...bins.lowest.subarray(first, last + 1));
  const upper = Math.max(...bins.highest.subarray(first, last + 1));
  if (lower > upper) return undefined;
  const all = lower === Math.min(...bins.lowest) && upper === Math.max(...bins.highest);
  return all ? null : { kind: "range", lower, upper };
}

/** The nearest bin with items, from `bin` on in a direction; null if there is none. */
export function nextBin({ count, totals }: Bins, bin: number, by: 1 | -1): number | null {
  for (let at = bin; at >= 0 && at < count; at += by) if ((totals[at] as number) > 0) return at;
  return null;
}

function fill(values: Numbers, edges: Float64Array): Bins {
  const count = edges.length;
  const codes = new Uint16Array(values.length);
  const totals = new Uint32Array(count + 1);
  const lowest = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  const highest = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    const bin = Number.isNaN(value) ? count : binOf(edges, value);
    codes[i] = bin;
    totals[bin] = (totals[bin] as number) + 1;
    if (bin === count) continue;
    if (value < (lowest[bin] as number)) lowest[bin] = value;
    if (value > (highest[bin] as number)) highest[bin] = value;
  }
  return { count, codes, totals, lowest, highest };
}

/** The last bin whose lower edge is not above the value. */
function binOf(edges: Float64Array, value: number): number {
  let [low, high] = [0, edges.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((edges[middle] as number) <= value) low = middle;
    else high = middle;
  }
  return low;
}

/** The distinct values, ascending; null if there are none, or too many for one bin each. */
function distinct(values: Numbers): Float64Array | null {
  const found = new Set<number>();
  let present = 0;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    found.add(value);
    present++;
    if (found.size > MOST_DISTINCT) return null;
  }
  if (found.size > Math.max(FEW_DISTINCT, present / 2)) return null;
  return found.size === 0 ? null : Float64Array.from(found).sort();
}

/** The lower edges of the bins. */
function edgesOf(column: NumberColumn | DateColumn, values: Numbers): Float64Array {
  const { minimum, maximum } = column;
  const scale = columnScale(column, values);
  if (scale.logarithmic) {
    const [start, end] = [scale.at(minimum), scale.at(maximum)];
    const edges = Float64Array.from({ length: MOST_BINS }, (_, i) =>
      scale.from(start + ((end - start) * i) / MOST_BINS),
    );
    return values.every((value) => !(value % 1)) ? unique(edges.map(Math.ceil)) : edges;
  }
  if (column.kind === "date" && isDate(minimum) && isDate(maximum)) {
    return dateEdges(minimum, maximum, column.has_time);
  }
  const step = roundStep((maximum - minimum) / MOST_BINS);
  return stepEdges(minimum, maximum, step, 0);
}

function unique(sorted: Float64Array): Float64Array {
  return sorted.filter((edge, i) => i === 0 || edge > (sorted[i - 1] as number));
}

/** Multiples of `step` after `origin`, from the last one at or below the minimum. */
function stepEdges(minimum: number, maximum: number, step: number, origin: number): Float64Array {
  if (!(step > 0 && Number.isFinite(step))) return Float64Array.of(minimum);
  const start = Math.floor((minimum - origin) / step);
  const length = Math.floor((maximum - origin) / step) - start + 1;
  return Float64Array.from(
    { length: Math.min(length, 2 * MOST_BINS) },
    (_, i) => origin + (start + i) * step,
  );
}

/** The smallest of 1, 2 and 5 times a power of ten that is not below `least`. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5, 10].find((digit) => digit * power >= least * (1 - 1e-9)) ?? 10);
}

const DAY = 86_400;
const MONDAY = 4 * DAY; // 1970-01-05
const TIME_STEPS = [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200];
const MONTH_STEPS = [1, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12_000];
const MOST_DATE = 8e12; // of a Date, in seconds

function isDate(seconds: number): boolean {
  return Math.abs(seconds) < MOST_DATE;
}

function dateEdges(minimum: number, maximum: number, hasTime: boolean): Float64Array {
  const steps = [...(hasTime ? TIME_STEPS : []), DAY, 7 * DAY];
  const step = steps.find((each) => (maximum - minimum) / each <= MOST_BINS);
  if (step !== undefined) return stepEdges(minimum, maximum, step, step === 7 * DAY ? MONDAY : 0);
  const [first, last] = [monthOf(minimum), monthOf(maximum)];
  const months = MONTH_STEPS.find((each) => (last - first) / each <= MOST_BINS) ?? last - first;
  return stepEdges(first, last, months, -1970 * 12).map(secondsOf);
}

/** Months since January 1970. */
function monthOf(seconds: number): number {
  const date = new Date(seconds * 1000);
  return 12 * (date.getUTCFullYear() - 1970) + date.getUTCMonth();
}

function secondsOf(month: number): number {
  return Date.UTC(1970, month) / 1000;
}
