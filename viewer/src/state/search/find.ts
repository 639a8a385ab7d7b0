/** Text search in the browser, for maps without a server. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
const PLAIN = /^[\x00-\x7f]*$/;

// The combining accents of Latin, Greek and Cyrillic letters, the points of Hebrew letters, and the
// vowel marks, hamzas and tatweel of Arabic letters; as in app/item_table.py. The marks of other
// scripts distinguish letters: ガ is not カ.
const ACCENTS =
  /[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]/g;

/**
 * Normalize case, accents, apostrophes and the width of letters: "Müller" matches "muller", "ΑΘΉΝΑ"
 * matches "αθηνα", "ﾈｺ" matches "ネコ", "Straße" matches "STRASSE", and "Levi’s" matches "levi's".
 */
export function folded(text: string): string {
  // fast path: most paths are ASCII
  if (PLAIN.test(text)) return text.toLowerCase();
  const plain = text.normalize("NFKD").replace(ACCENTS, "").normalize("NFC").toLowerCase();
  return plain.replaceAll("ß", "ss").replaceAll("ς", "σ").replace(/[‘’]/g, "'");
}

/** A part of a query: a word or a phrase, in one column or in any. */
export interface Term {
  readonly text: string;
  /** Index of the column; null for any column. */
  readonly column: number | null;
  /** The number of characters at the start of a line, the path, that are not searched. */
  readonly skipped?: number;
}

// A name or a quoted name, then a colon; then a phrase in quotes, whose end may be missing, or a word.
export const TERM = /(?:([^\s":]+|"[^"]*"):)?("[^"]*"?|\S+)/g;

/** The terms of a query. A name that is no column is part of the text. */
export function termsOf(query: string, columns: readonly string[]): Term[] {
  const names = columns.map(folded);
  const terms: Term[] = [];
  for (const [whole, name, text = ""] of query.matchAll(TERM)) {
    const column = name === undefined ? -1 : names.indexOf(folded(name.replaceAll('"', "")));
    const isNamed = name !== undefined && column >= 0;
    const sought = folded(isNamed || name === undefined ? unquoted(text) : whole);
    if (sought !== "") terms.push({ text: sought, column: isNamed ? column : null });
  }
  return terms;
}

/** The first name before a colon that is no column, such as in nocolumn:ship; null without one. */
export function unknownColumn(query: string, columns: readonly string[]): string | null {
  const names = columns.map(folded);
  for (const [, name, text = ""] of query.matchAll(TERM)) {
    const given = name?.replaceAll('"', "") ?? "";
    const isAddress = /^[/\\]/.test(text); // https://… and C:\…
    if (given !== "" && !isAddress && !names.includes(folded(given))) return given;
  }
  return null;
}

/** A query between OR. */
export interface Alternative {
  /** The terms of which an item must have all. */
  readonly rest: string;
  /** The terms after a minus, which an item must not have. */
  readonly excluded: readonly string[];
}

const OR = /"[^"]*"?|\s+OR\s+/g; // or a phrase, which is left as it is
const EXCLUDED = new RegExp(`"[^"]*"?|(?<=^|\\s)-(?!-)(${TERM.source})`, "g");

/** Divide a query at each OR and at each minus before a term. */
export function alternatives(query: string): Alternative[] {
  const parts = query.replace(OR, (part) => (part.startsWith('"') ? part : "\n")).split("\n");
  return parts.map((part) => {
    const excluded: string[] = [];
    const rest = part.replace(EXCLUDED, (whole: string, term: string | undefined) => {
      if (term === undefined) return whole;
      excluded.push(term);
      return "";
    });
    return { rest: rest.trim(), excluded };
  });
}

/** The items that match one of the alternatives; `find` finds the items that match all terms. */
export async function findAlternatives(
  query: string,
  find: (terms: string) => Promise<Uint32Array | null>,
): Promise<Uint32Array | null> {
  const parts = alternatives(query);
  const found = new Set<number>();
  for (const { rest, excluded } of parts) {
    let items = await find(rest);
    for (const term of excluded) {
      const out = new Set(await find(term));
      items = items?.filter((item) => !out.has(item)) ?? null;
    }
    if (!items || parts.length === 1) return items;
    for (const item of items) found.add(item);
  }
  return Uint32Array.from(found).sort();
}

export function unquoted(text: string): string {
  return text.startsWith('"') ? text.replaceAll('"', "").trim() : text;
}

/** The numbers of the lines of `page` that match every term. */
export function matchingLines(page: string, terms: readonly Term[]): number[] {
  const [first] = terms;
  if (first === undefined) return [];
  const found: number[] = [];
  let line = 0;
  let counted = 0; // `line` is the number of line ends before this index
  for (let at = page.indexOf(first.text); at >= 0; ) {
    for (let end = page.indexOf("\n", counted); end >= 0 && end < at; ) {
      line++;
      counted = end + 1;
      end = page.indexOf("\n", counted);
    }
    const stop = page.indexOf("\n", at);
    const text = page.slice(counted, stop < 0 ? undefined : stop);
    if (terms.every((term) => matches(text, term))) found.push(line);
    if (stop < 0) break;
    at = page.indexOf(first.text, stop + 1);
  }
  return found;
}

function matches(line: string, { text, column, skipped = 0 }: Term): boolean {
  if (column === null) return line.includes(text, skipped);
  return line.split("\t")[column]?.includes(text, column === 0 ? skipped : 0) ?? false;
}

/**
 * The folders that both paths begin with, or "". A word of these folders is in every path: it finds
 * only what follows them.
 */
export function commonFolders(one: string, other: string): string {
  let end = 0;
  while (end < one.length && one[end] === other[end]) end++;
  return one.slice(0, one.lastIndexOf("/", end - 1) + 1);
}

/**
 * The searched text of `count` items: one line per item with the normalized text of each column,
 * followed by a tab.
 */
export function haystackPage(
  columns: readonly (readonly (string | null | undefined)[])[],
  count: number,
): string {
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    let line = "";
    for (const column of columns) line += `${column[i]?.replace(/[\t\n]/g, " ") ?? ""}\t`;
    lines.push(line);
  }
  return folded(lines.join("\n"));
}
