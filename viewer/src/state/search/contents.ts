/** The search for the content of the images: by a text, or by the words of a classifier. */
import { readVectors, similarItems, type Vectors } from "../../bundle/vectors";
import {
  matchWords,
  readWords,
  type Terms,
  type UnknownWords,
  unknownWords,
  type Words,
} from "../../bundle/words";
import { MAX_QUERY_CHARACTERS, type VectorsFile, type WordsFile } from "../../contract";
import type { App } from "../app";
import { countText } from "../wording/words";
import { closeWords, LETTERS_PER_EDIT, MOST_SUGGESTED } from "./close-words";
import { explainColumn, explainNumber, namesOf, quotedValue } from "./explanations";
import { folded } from "./find";

/** The number of matches by text that are listed, and of matches by content. */
export const MOST_LISTED = 50;
const LEAST_PERCENT = 10; // the probability of what the query names, by the network

/** What a query finds in the content of the images. */
export interface Content {
  readonly query: string;
  /** "similarity": the cosine similarity of each image to the query as a text. */
  readonly measure: "probability" | "similarity";
  /** The items that match, the best first; the most similar items. */
  readonly items: Uint32Array;
  /** The probability or similarity for every item of the map. */
  readonly scores: Float32Array;
  /** The scores at the ends of the color scale. */
  readonly range: readonly [number, number];
}

/** The content that a query finds, or why the query finds none. */
export interface FoundContent {
  readonly content: Content | null;
  /** Queries to try instead. */
  readonly suggestions: readonly string[];
  /** Why nothing was found, with the remedy; null otherwise. */
  readonly hint: string | null;
}

/** Whether a query matches the texts of an item. */
type HasText = (query: string) => Promise<boolean>;

export const NOTHING: FoundContent = { content: null, suggestions: [], hint: null };

const NO_TEXT = "No text has all of these words and phrases.";
const NO_WORDS =
  "Only texts were searched: this map has no words for images. Make a map of the images with featscape map.";
const TOO_LONG = `Only texts were searched: a query for the content of images has at most ${MAX_QUERY_CHARACTERS} characters. Shorten the query.`;

/** A score as text: a probability in percent, a similarity as a number. */
export function scoreText({ measure }: Content, score: number): string {
  return measure === "probability" ? `${Math.round(100 * score)}%` : score.toFixed(2);
}

/** The search for what the images show, by a text or by words; the words are read once. */
export class Contents {
  private words: Promise<Words> | null = null;
  private vectors: Promise<Vectors> | null = null;

  constructor(private readonly app: App) {}

  /** The items that show what the query names, or queries with the known words like its words. */
  async find(query: string, hasText: HasText): Promise<FoundContent> {
    const { source, manifest } = this.app;
    if (isAboutTexts(query)) {
      const hint = explainColumn(query, manifest) ?? NO_TEXT;
      return { ...NOTHING, hint, suggestions: quotedValue(query, manifest) };
    }
    const hasWords = /\p{L}/u.test(query);
    if (!hasWords && !source.content) {
      return { ...NOTHING, hint: explainNumber(query, manifest) ?? NO_TEXT };
    }
    if (!this.app.searchesContent) {
      const hint = this.app.hasImages ? NO_WORDS : NO_TEXT;
      return { ...NOTHING, hint, suggestions: await this.namesLike(query, hasText) };
    }
    if (query.length > MAX_QUERY_CHARACTERS) return { ...NOTHING, hint: TOO_LONG };
    if (source.content) {
      return { ...NOTHING, content: mostSimilar(query, this.byItem(await source.content(query))) };
    }
    if (manifest.vectors) return this.findVectors(query, manifest.vectors, hasText);
    return manifest.words ? this.findWords(query, manifest.words, hasText) : NOTHING;
  }

  /** The scores of the items in the order of the bundle, from scores by id. */
  private byItem(byId: Float32Array): Float32Array {
    const { items } = this.app;
    return Float32Array.from({ length: items.count }, (_, at) => byId[items.id(at)] ?? Number.NaN);
  }

  /** The items most similar to the vectors of the words of the query. */
  private async findVectors(
    query: string,
    file: VectorsFile,
    hasText: HasText,
  ): Promise<FoundContent> {
    this.vectors ??= readVectors(this.app.source, file).catch((error) => {
      this.vectors = null;
      throw error;
    });
    const vectors = await this.vectors;
    const scores = similarItems(vectors, query);
    if (scores) return { ...NOTHING, content: mostSimilar(query, scores) };
    const lacking = unknownWords(vectors.terms, query);
    if (lacking === null) return NOTHING;
    const names = await this.namesLike(query, hasText);
    const others = new Set([...names, ...queriesLike(vectors.terms, lacking)]);
    return {
      content: null,
      suggestions: [...others].slice(0, MOST_SUGGESTED),
      hint: `This page knows ${countText(vectors.terms.size)} nouns, but not ${listed(lacking.unknown)}. featscape serve finds any text.`,
    };
  }

  /** The labels and categories that are spelled like a query that no text contains. */
  private async namesLike(query: string, hasText: HasText): Promise<string[]> {
    const { manifest } = this.app;
    const columns = ["label", ...manifest.columns.map(({ name }) => name)];
    const names = columns.flatMap((column) => namesOf(manifest, column) ?? []);
    const searchable = names.filter((name) => !isAboutTexts(name));
    const terms = new Map(searchable.map((name) => [folded(name), []]));
    const close = closeWords(folded(query), terms);
    return close.length > 0 && (await hasText(query)) ? [] : close;
  }

  /** The items in which the network recognizes what the query names. */
  private async findWords(query: string, file: WordsFile, hasText: HasText): Promise<FoundContent> {
    this.words ??= readWords(this.app.source, file).catch((error) => {
      this.words = null;
      throw error;
    });
    const words = await this.words;
    const found = matchWords(words, query, LEAST_PERCENT / 100);
    const lacking = unknownWords(words.terms, query);
    const matches = async (other: string) =>
      !!matchWords(words, other, LEAST_PERCENT / 100)?.items.length || (await hasText(other));
    const names = await this.namesLike(query, hasText);
    const suggestions = lacking
      ? await firstMatching(new Set([...names, ...queriesLike(words.terms, lacking)]), matches)
      : [];
    let hint: string | null = null;
    if (found)
      hint = `The network recognizes “${query}” in no image with a probability of ${LEAST_PERCENT} %.`;
    else if (lacking) {
      const remedy = suggestions.length > 0 ? "" : " Try a more general word, in English.";
      hint = `The words of the network lack ${listed(lacking.unknown)}.${remedy}`;
    }
    return {
      content:
        found && found.items.length > 0
          ? { query, measure: "probability", range: [0, 1], ...found }
          : null,
      suggestions,
      hint,
    };
  }
}

/**
 * Queries to try: with the unknown words replaced, then the known words, together and apart. A
 * single unknown word is replaced by each of its closest words. Each of several is replaced by its
 * closest word, unless a word is so short that one edit changes more than a third of its letters.
 * Python tries the same queries, but only by content (words/matching.py).
 */
function queriesLike(terms: Terms, { each, unknown }: UnknownWords): string[] {
  const queries: string[] = [];
  if (unknown.length === 1 || unknown.every((word) => word.length >= LETTERS_PER_EDIT)) {
    const close = new Map(unknown.map((word) => [word, closeWords(word, terms)]));
    const found = Math.min(...[...close.values()].map((words) => words.length));
    const most = unknown.length === 1 ? found : Math.min(found, 1);
    for (let i = 0; i < most; i++)
      queries.push(each.map((word) => close.get(word)?.[i] ?? word).join(" "));
  }
  const known = each.filter((word) => !unknown.includes(word));
  if (known.length > 0) queries.push(known.join(" "), ...known);
  return [...new Set(queries)];
}

/** The first queries that match images by content or by text. */
async function firstMatching(
  queries: Iterable<string>,
  matches: (query: string) => Promise<boolean>,
): Promise<string[]> {
  const found: string[] = [];
  for (const query of queries) {
    if (found.length === MOST_SUGGESTED) break;
    if (await matches(query)) found.push(query);
  }
  return found;
}

/** The words in quotes, such as “a”, “red” and “car”. */
function listed(words: readonly string[]): string {
  const quoted = words.map((word) => `“${word}”`);
  const last = quoted.pop() ?? "";
  return quoted.length === 0 ? last : `${quoted.join(", ")} and ${last}`;
}

/** The `most` items with the highest scores, the highest first. */
export function highest(items: Uint32Array, scores: Float32Array, most: number): Uint32Array {
  const of = (item: number) => scores[item] as number;
  // without a comparison, sorting a million takes a tenth of a second
  const ascending = Float32Array.from(items, of).sort();
  const least = ascending.at(-Math.min(most, ascending.length)) ?? 0;
  const found = items.filter((item) => of(item) >= least);
  return found.sort((a, b) => of(b) - of(a) || a - b).subarray(0, most);
}

/** The items most similar to the query. */
function mostSimilar(query: string, scores: Float32Array): Content {
  const ascending = scores.slice().sort();
  const all = Uint32Array.from(scores, (_, item) => item);
  return {
    ...{ query, measure: "similarity", scores },
    items: highest(all, scores, MOST_LISTED),
    range: [ascending[0] ?? 0, ascending.at(-1) ?? 0],
  };
}

/** A phrase in quotes, a column's name, OR or a minus: the query means texts. */
function isAboutTexts(query: string): boolean {
  return /[":]| OR |(^|\s)-\S/.test(query);
}
