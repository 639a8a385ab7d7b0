/** Numbers in words. */
import { AGREEMENT } from "../contract";

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

/** What gray is on a scale of numbers; null where each item has one. */
export function grayText(numbers: Float32Array): string | null {
  const without = numbers.filter(Number.isNaN).length;
  return without === 0 ? null : `Gray: ${without.toLocaleString("en-US")} without a number`;
}

/** A column's number in words. */
export function valueText(column: string, value: number): string {
  return column === AGREEMENT ? `${Math.round(100 * value)}%` : readable(value);
}
