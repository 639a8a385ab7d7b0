/** The columns of the map by name, and their names for people. */
import { AGREEMENT, type Manifest } from "../contract";
import { readable } from "./wording/words";

type Column = Manifest["columns"][number];

export function columnNamed(manifest: Manifest, name: string): Column | undefined {
  return manifest.columns.find((column) => column.name === name);
}

/** How the page shows a column of the findings; null for a column of the source. */
export function findingOf(column: Column | undefined) {
  return column && column.kind !== "text" ? (column.finding ?? null) : null;
}

/** The name of a column for people. */
export function columnTitle(manifest: Manifest, name: string): string {
  return findingOf(columnNamed(manifest, name))?.title ?? name;
}

/** A number of a column as text. */
export function valueText(manifest: Manifest, name: string, value: number): string {
  const isShare = name === AGREEMENT || findingOf(columnNamed(manifest, name))?.is_share;
  return isShare ? `${Math.round(100 * value)}%` : readable(value);
}
