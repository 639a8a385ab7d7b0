/** The columns of the map by name, and their names for people. */
import { AGREEMENT, type Manifest } from "../../contract";
import { dateText, readable } from "../wording/words";

/** The column with the number of the group of duplicates: for tables and the search, not for colors. */
export const DUPLICATE_GROUP = "duplicate_group";

type Column = Manifest["columns"][number];

export function columnNamed(manifest: Manifest, name: string): Column | undefined {
  return manifest.columns.find((column) => column.name === name);
}

/** How the page shows a column of the findings; null for a column of the source. */
export function findingOf(column: Column | undefined) {
  return column && "finding" in column ? (column.finding ?? null) : null;
}

/** The name of a column for people. */
export function columnTitle(manifest: Manifest, name: string): string {
  return findingOf(columnNamed(manifest, name))?.title ?? name;
}

/** Whether the values of a column, from 0 to 1, are shown in percent. */
export function isPercent(manifest: Manifest, name: string): boolean {
  return name === AGREEMENT || !!findingOf(columnNamed(manifest, name))?.is_share;
}

/** A number or date of a column as text. */
export function valueText(manifest: Manifest, name: string, value: number): string {
  const column = columnNamed(manifest, name);
  if (column?.kind === "date") return dateText(value, column.has_time);
  return isPercent(manifest, name) ? `${Math.round(100 * value)}%` : readable(value);
}
