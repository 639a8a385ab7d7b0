/** Why a query for a column, or for a number, finds nothing. */
import type { Manifest } from "../../contract";
import {
  columnNamed,
  columnTitle,
  DUPLICATE_GROUP,
  findingOf,
  valueText,
} from "../filters/columns";
import { LABEL } from "../items/items";
import { nounOf } from "../wording/nouns";
import { separable } from "../wording/words";
import { likeness } from "./close-words";
import { alternatives, folded, type Term, termsOf, unknownColumn } from "./find";
import { searchedColumns } from "./haystack";
import { dividedQuery, isUsedRange, NONE, type ValueTerm, valueColumns } from "./values";

const MOST_NAMED = 10; // columns or values

/** Why a query for columns finds nothing; null without a column, or if each value exists. */
export function explainColumn(query: string, manifest: Manifest): string | null {
  for (const { rest } of alternatives(query)) {
    const reason = explainTerms(rest, manifest);
    if (reason !== null) return reason;
  }
  return null;
}

/** The query with quotes around a value of several words: label:"class 1", in a list. */
export function quotedValue(query: string, manifest: Manifest): string[] {
  const [, name = "", text] = /^([^\s":]+|"[^"]*"):([^\s"]+\s[^":]+)$/.exec(query) ?? [];
  if (text === undefined) return [];
  const values = namesOf(manifest, name.replaceAll('"', "")) ?? [];
  const isValue = values.some((value) => folded(value).includes(folded(text)));
  return isValue ? [`${name}:"${text}"`] : [];
}

/** As `explainColumn`, for terms that must all match. */
function explainTerms(query: string, manifest: Manifest): string | null {
  const { rest, terms } = dividedQuery(query, manifest);
  const searched = searchedColumns(manifest);
  const unfinished = explainUnfinished(query, searched, manifest);
  if (unfinished !== null) return unfinished;
  const texts = termsOf(rest, searched);
  const isOnly = texts.length + terms.length === 1;
  for (const term of texts) {
    const reason = explainText(term, searched, manifest, isOnly);
    if (reason !== null) return reason;
  }
  const unmatched = terms.find((term) => isOnly || !isUsedRange(manifest, term));
  if (unmatched) return explainValues(manifest, unmatched);
  const unknown = unknownColumn(rest, searched);
  if (unknown === null) return explainSeveral(texts, terms.length, searched, manifest);
  const columns = [...searched, ...valueColumns(manifest).map(({ name }) => name)];
  return `The search has no column “${unknown}”. Its columns are ${firstOf(columns)}.${explainLabel(unknown, query, manifest)}`;
}

/** That a name of a column has no value, such as in label: without a space; null for other queries. */
function explainUnfinished(
  query: string,
  searched: readonly string[],
  manifest: Manifest,
): string | null {
  for (const [, quoted, plain] of query.matchAll(/(?<=^|\s)(?:"([^"]*)"|([^\s":]+)):(?=\s|$)/g)) {
    const given = quoted ?? plain ?? "";
    const { terms } = dividedQuery(`"${given}":?`, manifest);
    const name = searched.find((each) => folded(each) === folded(given));
    if (!terms[0] && name === undefined) continue;
    const values = name === undefined ? null : namesOf(manifest, name);
    const listed = terms[0]
      ? explainValues(manifest, terms[0])
      : values && listValues(name ?? "", values, "");
    return `The column needs a value after “${given}:”, without a space. ${listed ?? ""}`.trim();
  }
  return null;
}

/** Why several terms, each of which may exist, find nothing; null for terms without columns. */
function explainSeveral(
  texts: readonly Term[],
  nValues: number,
  searched: readonly string[],
  manifest: Manifest,
): string | null {
  const named = texts.filter(({ column }) => column !== null);
  if (named.length + nValues === 0 || texts.length + nValues === 1) return null;
  for (const { column } of named) {
    const name = searched[column as number] as string;
    const sought = named.filter((each) => each.column === column).map(({ text }) => text);
    const values = sought.length > 1 && namesOf(manifest, name);
    if (values && !values.some((value) => sought.every((text) => folded(value).includes(text))))
      return `An item has one value of “${name}”, and none contains both “${sought[0]}” and “${sought[1]}”. Search for one of the two.`;
  }
  return "No item has all of these words and values. Remove one of them.";
}

/** The query for the labels instead of an unknown column; "" for a map without labels. */
function explainLabel(unknown: string, query: string, manifest: Manifest): string {
  if (!manifest.classes) return "";
  const other = query.replace(`"${unknown}":`, "label:").replace(`${unknown}:`, "label:");
  const exists = explainColumn(other, manifest) === null;
  return ` The labels are the column “label”${exists ? `: search for ${other}` : ""}.`;
}

/** Why a term for a searched column finds nothing; null for a value that exists, or may exist. */
function explainText(
  { text, column }: Term,
  searched: readonly string[],
  manifest: Manifest,
  isOnly: boolean,
): string | null {
  if (column === null) return null;
  const name = searched[column] as string;
  if (name === LABEL && !manifest.classes) return "This map has no labels.";
  const values = namesOf(manifest, name);
  if (values)
    return values.some((each) => folded(each).includes(text))
      ? null
      : listValues(name, values, text);
  return isOnly ? `No value of the column “${name}” contains “${text}”.` : null;
}

/** The labels, or the categories of a column; null for another column. */
export function namesOf(manifest: Manifest, name: string): string[] | null {
  const column = columnNamed(manifest, name);
  const entries =
    name === LABEL ? manifest.classes : column?.kind === "category" && column.categories;
  return entries ? entries.map((each) => each.name) : null;
}

/** The values of a column that has no value with a text: those most similar to the text first. */
function listValues(title: string, values: readonly string[], text: string): string {
  const near = values
    .map((value) => ({ value, score: likeness(folded(value), text) }))
    .sort((one, other) => other.score - one.score);
  return `The values of “${title}” are ${firstOf(near.map(({ value }) => value))}. The legend of the column in the sidebar shows them.`;
}

function firstOf(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  return `${separable(names.slice(0, MOST_NAMED)).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** The name of a column in a query. */
function written(name: string): string {
  return /\s/.test(name) ? `"${name}"` : name;
}

function explainValues(manifest: Manifest, { column, text }: ValueTerm): string {
  const { name } = column;
  const title = columnTitle(manifest, name);
  if (text === NONE || column.kind === "text")
    return `Every ${nounOf(manifest)} has a value in the column “${title}”.`;
  if (column.kind === "category") return listValues(title, namesOf(manifest, name) ?? [], text);
  const [least, most] = [column.minimum, column.maximum].map((each) =>
    valueText(manifest, name, each),
  );
  const chart =
    name === DUPLICATE_GROUP ? "" : ", or drag over the chart of the column in the sidebar";
  const quoted = /\s/.test(`${least}${most}`) ? '"' : "";
  return `The values of “${title}” are from ${least} to ${most}. Search for a range, such as ${written(name)}:${quoted}${least}..${most}${quoted}${chart}.`;
}

/** How to search a column for a number; null for a map without such a column. */
export function explainNumber(query: string, manifest: Manifest): string | null {
  if (!/^-?\d[\d.,:%-]*$/.test(query)) return null; // neither a number nor a date
  const own = valueColumns(manifest).filter((column) => findingOf(column) === null);
  const isDate = /^\d{4}-\d/.test(query);
  const column = own.find(({ kind }) => kind === (isDate ? "date" : "number"));
  if (!column) return null;
  return `Without the name of a column, only texts are searched. Search for ${written(column.name)}:${query}.`;
}
