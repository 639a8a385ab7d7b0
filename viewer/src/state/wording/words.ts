/** Numbers as text. */
/** A number with four significant digits. Only five digits and more get commas: a year has none. */
export function readable(value: number): string {
  const useGrouping = Math.abs(value) >= 10_000;
  if (Number.isInteger(value)) return value.toLocaleString("en-US", { useGrouping });
  if (Math.abs(value) < 1e-4) return value.toExponential(1);
  return value.toLocaleString("en-US", { maximumSignificantDigits: 4, useGrouping });
}

/** Numbers of one list, all with the decimals that give the largest number three digits. */
export function readableTogether(values: readonly number[]): string[] {
  const most = Math.max(...values.map(Math.abs));
  const wanted = most > 0 ? 2 - Math.floor(Math.log10(most)) : 0;
  const digits = Math.min(Math.max(wanted, 0), 9);
  return values.map((value) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  );
}

/** Explain the gray items of a number scale; null if every item has a value. */
export function grayText(numbers: Float32Array): string | null {
  const without = numbers.filter(Number.isNaN).length;
  return without === 0 ? null : `Gray: ${without.toLocaleString("en-US")} without a value`;
}

/** The label agreement as a count: "11 of 12 neighbors share its label". */
export function agreementText(share: number, nNeighbors: number): string {
  const count = Math.round(share * nNeighbors);
  return `${count} of ${nNeighbors} neighbors share its label`;
}
