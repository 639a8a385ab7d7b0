/** CSV that is safe to open in a spreadsheet. */

import type { Cell } from "../items/cells";

/**
 * Format a field by RFC 4180. A text that a spreadsheet would read as a formula gets a leading
 * apostrophe, as OWASP recommends, because paths and labels are not trusted.
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
