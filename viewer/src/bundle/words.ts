/** The words of the network: the classes that it recognizes in each item, and the words for them. */
import type { WordsFile } from "../contract";
import type { Source } from "../source";
import { SourceError } from "../sources/error";
import { readArray } from "./arrays";

const ONE = 65_535; // the code of a probability of 1

/** The numbers of each word: of its classes, or of its vectors. */
export type Terms = ReadonlyMap<string, readonly number[]>;

export interface Words {
  /** shape (n, nPerItem), the most probable first */
  readonly classes: Uint16Array;
  /** shape (n, nPerItem), from 0 to 65535 */
  readonly probabilities: Uint16Array;
  readonly nPerItem: number;
  /** The classes of each word. */
  readonly terms: Terms;
}

/** What a query finds in the content of the images. */
export interface WordMatches {
  /** The items that match, the most probable first. */
  readonly items: Uint32Array;
  /** The probability of what the query names, for every item of the map. */
  readonly scores: Float32Array;
}

/** Read the words. Throws a SourceError if they are damaged. */
export async function readWords(source: Source, file: WordsFile): Promise<Words> {
  const [classes, probabilities, terms] = await Promise.all([
    readArray(source, file.classes, "uint16"),
    readArray(source, file.probabilities, "uint16"),
    readTerms(source, file.file),
  ]);
  return { classes, probabilities, nPerItem: file.classes.shape[1] ?? 0, terms };
}

/** Read the numbers of each word. Throws a SourceError if they are damaged. */
export async function readTerms(source: Source, file: string): Promise<Terms> {
  const terms = parse(await source.read(file));
  if (terms === null) throw new SourceError(`${file} is damaged. Make the map again.`);
  return terms;
}

function parse(bytes: ArrayBuffer): Terms | null {
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) return null;
  const entries = Object.entries(content as Record<string, unknown>);
  const valid = entries.every(
    ([, classes]) => Array.isArray(classes) && classes.every((each) => Number.isInteger(each)),
  );
  return valid ? new Map(entries as [string, number[]][]) : null;
}

/**
 * The items that show what a query names, with a probability of at least `least`; null if the words
 * lack a word of the query. A query is one name ("sports car") if the words contain the name;
 * otherwise an item must match each of its words.
 */
export function matchWords(words: Words, query: string, least: number): WordMatches | null {
  const named = numbersOf(words.terms, query);
  if (named === null) return null;
  const { classes, probabilities, nPerItem } = words;
  const found: number[] = [];
  const scores = new Float32Array(classes.length / nPerItem);
  for (let item = 0, at = 0; item < scores.length; item++, at += nPerItem) {
    let lowest = ONE;
    for (const wanted of named) {
      let sum = 0;
      for (let i = at; i < at + nPerItem; i++) {
        if (wanted.has(classes[i] as number)) sum += probabilities[i] as number;
      }
      if (sum < lowest) lowest = sum;
    }
    scores[item] = lowest / ONE;
    if (lowest >= least * ONE) found.push(item);
  }
  const of = (item: number) => scores[item] as number;
  found.sort((a, b) => of(b) - of(a) || a - b);
  return { items: Uint32Array.from(found), scores };
}

/** A query with unknown words: words that the map does not store. */
export interface UnknownWords {
  readonly each: readonly string[];
  readonly unknown: readonly string[];
}

/** The words of a query, and the unknown words among them; null if no word is unknown. */
export function unknownWords(terms: Terms, query: string): UnknownWords | null {
  const normal = normalized(query);
  if (normal === "" || numbersOf(terms, query) !== null) return null;
  const each = normal.split(" ");
  return { each, unknown: each.filter((word) => find(terms, word) === null) };
}

/** The numbers of a query that is one name, or of each of its words; null for an unknown word. */
export function numbersOf(terms: Terms, query: string): Set<number>[] | null {
  const normal = normalized(query);
  if (normal === "") return null;
  const whole = find(terms, normal);
  if (whole) return [whole];
  const each = normal.split(" ").map((word) => find(terms, word));
  return each.every((classes) => classes !== null) ? (each as Set<number>[]) : null;
}

function find(terms: Terms, word: string): Set<number> | null {
  // "churches" -> "church", "ponies" -> "pony", "dogs" -> "dog"; a wrong form matches no name
  const forms = [
    word,
    word.replace(/ies$/, "y"),
    word.replace(/(?<=[sxzh])es$/, ""),
    word.replace(/(?<!s)s$/, ""),
  ];
  const classes = new Set(forms.flatMap((form) => terms.get(form) ?? []));
  return classes.size > 0 ? classes : null;
}

function normalized(text: string): string {
  // the words are ASCII: "crêpe" is "crepe"
  const plain = text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
  return (plain.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? []).join(" ");
}
