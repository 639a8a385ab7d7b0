/** The columns of the map by name, and their names for people. */
import {
  AGREEMENT,
  type DateColumn,
  type Manifest,
  N_AGREEING,
  type NumberColumn,
} from "../../contract";
import { nounOf } from "../wording/nouns";
import { dateText, readable, readableTogether } from "../wording/words";

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

/** What the values of a column mean, or their unit; undefined for other columns of the source. */
export function columnNote(manifest: Manifest, name: string): string | undefined {
  if (name === AGREEMENT && manifest.classes)
    return `Share of the ${N_AGREEING} nearest neighbors of an ${nounOf(manifest)} that have the same label`;
  if (name === "width" || name === "height") return `${name} of the image in pixels`;
  return findingOf(columnNamed(manifest, name))?.note;
}

/** The name of a column for people. */
export function columnTitle(manifest: Manifest, name: string): string {
  return findingOf(columnNamed(manifest, name))?.title ?? name;
}

/** Whether the values of a column, from 0 to 1, are shown in percent. */
export function isPercent(manifest: Manifest, name: string): boolean {
  return name === AGREEMENT || !!findingOf(columnNamed(manifest, name))?.is_share;
}

/** Whether a column has dates, or integers that float32 cannot hold, such as 20260501. */
export function isDouble(column: NumberColumn | DateColumn): boolean {
  return column.values.dtype === "float64";
}

/** A number or date of a column as text. */
export function valueText(manifest: Manifest, name: string, value: number): string {
  const column = columnNamed(manifest, name);
  if (column?.kind === "date") return dateText(value, column.has_time);
  return isPercent(manifest, name) ? `${Math.round(100 * value)}%` : readable(value);
}

const MOST_RATIO = 1000; // of two ends with equal decimals
const LEAST_DECIMAL = 1e-4; // smaller numbers have an exponent

/**
 * The two ends of a range of a column as text. Numbers have equal decimals and a minus sign: see
 * `valueText` for the text in a query.
 */
export function endTexts(manifest: Manifest, name: string, ends: readonly [number, number]) {
  const own = ends.map((end) => valueText(manifest, name, end)) as [string, string];
  if (columnNamed(manifest, name)?.kind !== "number" || isPercent(manifest, name)) return own;
  const sizes = ends.map(Math.abs).filter((size) => size > 0);
  const least = Math.max(LEAST_DECIMAL, Math.max(...sizes) / MOST_RATIO);
  const areAlike = !ends.every(Number.isInteger) && Math.min(...sizes) >= least;
  const texts = areAlike ? readableTogether(ends, 4) : own;
  return texts.map(withMinus) as [string, string];
}

/** A number as text with a minus sign, which is as wide as a plus. */
export function withMinus(text: string): string {
  return text.replace(/^-/, "\u2212");
}
