/** The terms of a query for columns of numbers, dates and findings: blue:5, taken:2026-03. */
import {
  type DateColumn,
  type Manifest,
  NO_LABEL,
  NO_SPLIT,
  type NumberColumn,
} from "../../contract";
import type { App } from "../app";
import { columnTitle, findingOf, isDouble, isPercent, valueText } from "../filters/columns";
import type { Values } from "../filters/filters";
import { type Items, LABEL } from "../items/items";
import { dateText } from "../wording/words";
import { folded, TERM, unquoted } from "./find";
import { searchedColumns } from "./haystack";

const SHOWN_TOLERANCE = 0.05; // relative: small numbers are shown with two digits
const RANGE = /^(.*?)\.\.(.*)$/;

/** In "column:none": the items without a value. */
export const NONE = "none";

/** The labels, or the categories of a column. */
interface NamedValues {
  readonly kind: "category";
  readonly name: string;
  readonly categories: readonly { readonly name: string }[];
}

export type ValueColumn =
  | NamedValues
  | DateColumn
  | NumberColumn
  | { readonly kind: "text"; readonly name: string };

/** A part of a query that compares the values of a column. */
export interface ValueTerm {
  readonly column: ValueColumn;
  readonly text: string;
}

/**
 * The columns whose values the page compares: numbers, dates, and the categories of the findings.
 * The server and the haystack search the other columns.
 */
export function valueColumns({ columns }: Manifest) {
  return columns.filter(
    (column) =>
      column.kind === "number" ||
      column.kind === "date" ||
      (column.kind === "category" && findingOf(column) !== null),
  );
}

/** The column with a name, or with a title for people; a searched text has priority. */
function namedColumns(manifest: Manifest): Map<string, ValueColumn> {
  const columns = valueColumns(manifest);
  const titles = columns.map((each) => [folded(columnTitle(manifest, each.name)), each] as const);
  const named = new Map([...titles, ...columns.map((each) => [folded(each.name), each] as const)]);
  for (const name of searchedColumns(manifest)) named.delete(folded(name));
  return named;
}

/** The searched columns that an item can lack, by name. */
function optionalColumns({ classes, columns }: Manifest): Map<string, ValueColumn> {
  const label = { kind: "category" as const, name: LABEL, categories: classes ?? [] };
  const optional: ValueColumn[] = [...columns, ...(classes ? [label] : [])];
  return new Map(optional.map((column) => [folded(column.name), column]));
}

/** Put the names with spaces into quotes: label suspicion:0.. becomes "label suspicion":0... */
export function quoteNames(query: string, manifest: Manifest): string {
  const titles = valueColumns(manifest).map(({ name }) => columnTitle(manifest, name));
  const names = [...titles, ...manifest.columns.map(({ name }) => name)]
    .filter((name) => name.includes(" ") && !name.includes('"'))
    .sort((one, other) => other.length - one.length) // the longest name first
    .map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  if (names.length === 0) return query;
  const found = new RegExp(`"[^"]*"?|(?<=(?:^|\\s)-?)(${names.join("|")}):`, "giu");
  return query.replace(found, (whole, name?: string) => (name ? `"${name}":` : whole));
}

/** Divide a query into the terms that compare values, and the rest, which is searched in texts. */
export function dividedQuery(
  query: string,
  manifest: Manifest,
): { readonly rest: string; readonly terms: readonly ValueTerm[] } {
  const named = namedColumns(manifest);
  const optional = optionalColumns(manifest);
  const terms: ValueTerm[] = [];
  const rest = query.replace(TERM, (whole: string, name: string | undefined, text: string) => {
    const key = folded((name ?? "").replaceAll('"', ""));
    const sought = folded(unquoted(text)).replaceAll("\u2212", "-");
    const column = named.get(key) ?? (sought === NONE && optional.get(key));
    if (!column) return whole;
    if (sought !== "") terms.push({ column, text: sought });
    return "";
  });
  return { rest: rest.trim(), terms };
}

/** The items, among `among` or all, whose values match every term. */
export async function matchingItems(
  app: App,
  terms: readonly ValueTerm[],
  among: Uint32Array | null,
): Promise<Uint32Array> {
  const tests = await Promise.all(
    terms.map(async ({ column, text }) => ({
      values: await (column.kind === "text"
        ? textPresence(app.items, column.name)
        : app.items.column(column.name)),
      matches: matcher(app.manifest, column, text),
    })),
  );
  const items = among ?? Uint32Array.from({ length: app.items.count }, (_, item) => item);
  return items.filter((item) =>
    tests.every(({ values, matches }) => matches(values[item] as number)),
  );
}

/** 0 for each item with a text in a column, and NaN without. */
async function textPresence(items: Items, name: string): Promise<Values> {
  const values = new Float32Array(items.count).fill(Number.NaN);
  let item = 0;
  for await (const block of items.allTexts()) {
    for (const text of block[name] ?? []) values[item++] = text ? 0 : Number.NaN;
  }
  return values;
}

/** Whether a value of the column is the text as shown, begins with it (dates), or is in its range. */
function matcher(
  manifest: Manifest,
  column: ValueColumn,
  text: string,
): (value: number) => boolean {
  const isNone = text === NONE;
  if (column.kind === "category") {
    const found = column.categories.map(
      ({ name }) =>
        folded(name).includes(text) || (isNone && (name === NO_LABEL || name === NO_SPLIT)),
    );
    return (code) => found[code] ?? isNone;
  }
  if (isNone || column.kind === "text") return Number.isNaN;
  switch (column.kind) {
    case "date":
      return dateMatcher(column, text);
    case "number": {
      const given = isPercent(manifest, column.name) ? inPercent(text) : text;
      const stored = isDouble(column) ? Number : Math.fround;
      const interval = intervalOf(given);
      if (interval) {
        const [lower, upper] = interval.map(stored) as [number, number];
        return (value) => value >= lower && value <= upper;
      }
      const number = numberOf(given);
      const tolerance = given.endsWith("%") ? 0.005 : SHOWN_TOLERANCE * Math.abs(number);
      return (value) =>
        value === stored(number) ||
        (Math.abs(value - number) <= tolerance &&
          valueText(manifest, column.name, value) === given);
    }
  }
}

/** The numbers of a column of percentages: 20 and 0..20 are 20% and 0%..20%, but 0.2 is a share. */
function inPercent(text: string): string {
  const bounds = text.split("..");
  const isBare = (bound: string) => bound !== "" && !bound.endsWith("%");
  if (!bounds.some((bound) => isBare(bound) && numberOf(bound) > 1)) return text;
  return bounds.map((bound) => (isBare(bound) ? `${bound}%` : bound)).join("..");
}

/** The ends of a range of numbers; null for another text. */
function intervalOf(text: string): readonly [number, number] | null {
  const [, first, last] = RANGE.exec(text) ?? [];
  if (first === undefined || last === undefined) return null;
  return [
    first === "" ? Number.NEGATIVE_INFINITY : numberOf(first),
    last === "" ? Number.POSITIVE_INFINITY : numberOf(last),
  ];
}

function dateMatcher({ has_time }: DateColumn, text: string): (seconds: number) => boolean {
  const [, first, last] = RANGE.exec(text) ?? [];
  return (seconds) => {
    if (Number.isNaN(seconds)) return false;
    const date = dateText(seconds, has_time);
    if (first === undefined || last === undefined) return date.startsWith(text);
    // "2026" contains all of the year
    return date.slice(0, first.length) >= first && date.slice(0, last.length) <= last;
  };
}

/** Whether a term is a range of numbers that contains values of its column. */
export function isUsedRange(manifest: Manifest, { column, text }: ValueTerm): boolean {
  if (column.kind !== "number") return false;
  const interval = intervalOf(isPercent(manifest, column.name) ? inPercent(text) : text);
  return !!interval && interval[0] <= column.maximum && interval[1] >= column.minimum;
}

/** A number as the page shows it: 12,345 or 67%. NaN for another text. */
function numberOf(text: string): number {
  const plain = text.replaceAll(",", "");
  if (plain === "" || plain === "%") return Number.NaN;
  return plain.endsWith("%") ? Number(plain.slice(0, -1)) / 100 : Number(plain);
}
