/** Tables that a spreadsheet can open without harm. */

export type Cell = string | number | null;

/** A float32 in the fewest digits that tell it from all others: 0.1, and not 0.10000000149011612. */
export function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}

/**
 * One field as RFC 4180 has it. A text that a spreadsheet would take for a formula is led by an
 * apostrophe, as OWASP advises: paths and labels come from anywhere.
 */
export function csvField(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "number") return Number.isNaN(cell) ? "" : String(cell);
  const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csv(header: readonly string[], rows: Iterable<readonly Cell[]>): string {
  let text = "";
  for (const row of [header, ...rows]) text += `${row.map(csvField).join(",")}\r\n`;
  return text;
}
