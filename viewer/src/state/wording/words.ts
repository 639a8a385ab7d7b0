/** Numbers, dates and queries as text. */
import type { Numbers } from "../filters/filters";

/** A count with commas: 1,200. */
export function countText(count: number): string {
  return count.toLocaleString("en-US");
}

/** A number with four significant digits. Only five digits and more get commas: a year has none. */
export function readable(value: number): string {
  const useGrouping = Math.abs(value) >= 10_000;
  if (Number.isInteger(value)) return value.toLocaleString("en-US", { useGrouping });
  if (Math.abs(value) < 1e-4) return value.toExponential(1);
  return value.toLocaleString("en-US", { maximumSignificantDigits: 4, useGrouping });
}

/** Numbers of one list, all with the decimals that give the largest number `nDigits` digits. */
export function readableTogether(values: readonly number[], nDigits = 3): string[] {
  const most = Math.max(...values.map(Math.abs));
  const wanted = most > 0 ? nDigits - 1 - Math.floor(Math.log10(most)) : 0;
  const digits = Math.min(Math.max(wanted, 0), 9);
  return values.map((value) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  );
}

/** Explain the gray items of a number scale; null if every item has a value. */
export function grayText(numbers: Numbers): string | null {
  let without = 0;
  for (const value of numbers) if (Number.isNaN(value)) without++;
  return without === 0 ? null : `Gray: ${countText(without)} without a value`;
}

/** The label agreement as a count: "4 of 5 neighbors share its label". */
export function agreementText(share: number, nNeighbors: number): string {
  const count = Math.round(share * nNeighbors);
  return `${count} of ${nNeighbors} neighbors share its label`;
}

const MOST_DATE_MS = 8.64e15; // of a Date

/** Format seconds since 1970 as an ISO date, in UTC: 2026-05-01, or 2026-05-01 12:30. */
export function dateText(seconds: number, hasTime: boolean): string {
  if (!(Math.abs(seconds) * 1000 <= MOST_DATE_MS)) return readable(seconds);
  const [date = "", time = ""] = new Date(seconds * 1000).toISOString().split("T");
  if (!hasTime) return date;
  return `${date} ${time.slice(0, seconds % 60 === 0 ? 5 : 8)}`;
}

/** Names for a list: all in quotes if one contains a comma or "and", as in printable_names.py. */
export function separable(names: readonly string[]): readonly string[] {
  const isAmbiguous = names.some((name) => /,| and /.test(name));
  return isAmbiguous ? names.map((name) => `“${name}”`) : names;
}

/** A query in quotes; a query with quotes of its own stays as it is. */
export function quotedQuery(query: string): string {
  return query.includes('"') ? query : `“${query}”`;
}
