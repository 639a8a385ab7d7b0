/** The text search: its state, and the search itself, by the server or over the bundle's texts. */
import { batch, computed, effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import { matchWords, readWords, unknownWord, type Words } from "../../bundle/words";
import { type CategoryColumn, MAX_QUERY_CHARACTERS, type Manifest } from "../../contract";
import type { App } from "../app";
import { findingOf } from "../filters/columns";
import { LABEL } from "../items/items";
import type { TextColumns } from "../items/texts";
import { closeWords } from "./close-words";
import { haystackPage, matchingLines, termsOf, unknownColumn } from "./find";

const TYPING_PAUSE_MS = 160; // after the last letter, before the search starts
const LEAST_PROBABILITY = 0.1; // of what the query names, by the network
const MOST_NAMED = 10; // columns that a hint names
const SLICE_MS = 30; // of searching, before the page may respond
const MOST_LISTED = 50; // matches by text, and as many by content

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

/** Matches that are shown: the items whose texts match, and further items found by content. */
export interface ShownMatches {
  readonly byText: Uint32Array;
  readonly byContent: Uint32Array;
}

/** A score as text: a probability in percent, a similarity as a number. */
export function scoreText({ measure }: Content, score: number): string {
  return measure === "probability" ? `${Math.round(100 * score)}%` : score.toFixed(2);
}

export class Search {
  readonly query = signal("");
  /** The items found; null if nothing is searched for. */
  readonly matches = signal<Uint32Array | null>(null);
  /** Number of matches, the last ones, that the network recognized; their texts do not match. */
  readonly recognized = signal(0);
  /** What the network recognizes; null without a query, or if it recognizes nothing. */
  readonly content = signal<Content | null>(null);
  /** The matches that no filter hides. The sidebar and the panel count these. */
  readonly shown: ReadonlySignal<ShownMatches>;
  /** The matches of the panel. The map marks the best by content with rings. */
  readonly listed: ReadonlySignal<ShownMatches>;
  /** The items of the panel, in its order. */
  readonly best: ReadonlySignal<Uint32Array>;
  /** Index of the current item in `best`; -1 before the first. */
  readonly bestAt = signal(-1);
  /** Whether the user colors the map by the search; null if the user has not chosen. */
  readonly isColoring = signal<boolean | null>(null);
  /** Queries to try instead, if a word of the query is unknown and nothing is found. */
  readonly suggestions = signal<readonly string[]>([]);
  /** Why nothing was found in the content of the images, with the remedy; null otherwise. */
  readonly hint = signal<string | null>(null);
  /** Index of the current match; -1 before the first. */
  readonly at = signal(-1);
  /** True while a search runs; `matches` are then the previous ones. */
  readonly running = signal(false);
  /** A step that the user asked for while the search ran. */
  private pendingStep: 1 | -1 | null = null;

  constructor(
    private readonly goTo: (item: number) => void,
    private readonly isShown: (item: number) => boolean,
  ) {
    this.shown = computed(() => {
      const matches = this.matches.value ?? NO_ITEMS;
      const nByText = matches.length - this.recognized.value;
      const kept = (items: Uint32Array) => items.filter((item) => this.isShown(item));
      return {
        byText: kept(matches.subarray(0, nByText)),
        byContent: kept(matches.subarray(nByText)),
      };
    });
    this.listed = computed(() => {
      const { byText, byContent } = this.shown.value;
      return {
        byText: byText.subarray(0, MOST_LISTED),
        byContent: byContent.subarray(0, MOST_LISTED),
      };
    });
    this.best = computed(() => {
      const { byText, byContent } = this.listed.value;
      return Uint32Array.from([...byText, ...byContent]);
    });
  }

  /**
   * The content that colors the map; null if a column colors the map. A probability colors the map
   * by default only if at least half of the matches are found by content alone: most images whose
   * texts match have a probability near 0.
   */
  get coloring(): Content | null {
    const content = this.content.value;
    if (content === null || this.isColoring.value !== null) {
      return this.isColoring.value === false ? null : content;
    }
    const nMatches = this.matches.value?.length ?? 0;
    const isMostlyText = 2 * this.recognized.value < nMatches;
    return content.measure === "probability" && isMostlyText ? null : content;
  }

  /** The current item of the list; null before the first. */
  get current(): number | null {
    return this.best.value[this.bestAt.value] ?? null;
  }

  /** Make the item before (-1) or after (1) the current one of the list current. Returns it. */
  stepBest(by: -1 | 1): number | null {
    const { length } = this.best.value;
    if (length === 0) return null;
    const at = this.bestAt.value;
    this.bestAt.value = at < 0 ? (by > 0 ? 0 : length - 1) : (at + by + length) % length;
    return this.current;
  }

  /** Go to the next (1) or previous (-1) match that is shown; the first follows the last. */
  step(by: 1 | -1): void {
    if (this.running.value) {
      this.pendingStep = by;
      return;
    }
    const matches = this.matches.value;
    if (!matches || matches.length === 0) return;
    let at = this.at.value < 0 && by < 0 ? 0 : this.at.value;
    for (let tried = 0; tried < matches.length; tried++) {
      at = (at + by + matches.length) % matches.length;
      if (!this.isShown(matches[at] as number)) continue;
      this.at.value = at;
      this.goTo(matches[at] as number);
      return;
    }
  }

  started(): void {
    this.pendingStep = null;
    this.running.value = true;
  }

  /** End the search with these matches, or with null if the query is empty. */
  ended(matches: Uint32Array | null, found: Partial<Ended> = {}): void {
    const step = this.pendingStep;
    const { recognized = 0, content = null, suggestions = [], hint = null } = found;
    batch(() => {
      this.matches.value = matches;
      this.recognized.value = recognized;
      this.suggestions.value = suggestions;
      this.hint.value = hint;
      this.content.value = content;
      this.bestAt.value = -1;
      if (matches === null) this.isColoring.value = null;
      this.at.value = -1;
      this.running.value = false;
    });
    this.pendingStep = null;
    if (step !== null) this.step(step);
  }
}

const NO_ITEMS = new Uint32Array();
const NOTHING = { content: null, suggestions: [], hint: null };
const NO_WORDS =
  "Only texts were searched: this map has no words for images. Make a map of the images with featscape map.";
const TOO_LONG = `Only texts were searched: a query for the content of images has at most ${MAX_QUERY_CHARACTERS} characters. Shorten the query.`;

/** What a search found besides the matches. */
interface Ended {
  readonly recognized: number;
  readonly content: Content | null;
  readonly suggestions: readonly string[];
  readonly hint: string | null;
}

/**
 * The columns that the search covers, in the order of the haystack: path, label, texts, categories.
 * The server does not know the categories of the findings.
 */
export function searchedColumns({ columns }: Manifest): string[] {
  const named = (kind: string) =>
    columns.filter((each) => each.kind === kind && findingOf(each) === null);
  return ["path", LABEL, ...[...named("text"), ...named("category")].map(({ name }) => name)];
}

/** The searched texts, read once: pages with one line per item. */
class Haystack {
  private pages: Promise<string[]> | null = null;

  constructor(private readonly app: App) {}

  async find(query: string, wanted: () => boolean): Promise<Uint32Array | null> {
    this.pages ??= this.read().catch((error) => {
      this.pages = null;
      throw error;
    });
    const terms = termsOf(query, searchedColumns(this.app.manifest));
    const found: number[] = [];
    let first = 0;
    let since = performance.now();
    for (const page of await this.pages) {
      if (!wanted()) return null;
      for (const line of matchingLines(page, terms)) found.push(first + line);
      first += lines(page);
      if (performance.now() - since > SLICE_MS) {
        await breath();
        since = performance.now();
      }
    }
    return Uint32Array.from(found);
  }

  private async read(): Promise<string[]> {
    const { items, manifest } = this.app;
    const { progress } = this.app.messages;
    const texts = manifest.columns.filter(({ kind }) => kind === "text");
    const categories = await this.categories();
    const pages: string[] = [];
    let item = 0;
    const add = (block: TextColumns, count: number) => {
      const first = item;
      const each = (value: (item: number) => string | null) =>
        Array.from({ length: count }, (_, i) => value(first + i));
      const columns = [
        block["path"] ?? [],
        each((at) => items.classOf(at)?.name ?? null),
        ...texts.map(({ name }) => block[name] ?? []),
        ...categories.map(({ names, codes }) => each((at) => names[codes[at] as number] ?? null)),
      ];
      pages.push(haystackPage(columns, count));
      item += count;
    };
    let since = performance.now();
    try {
      for await (const block of items.allTexts()) {
        add(block, Object.values(block)[0]?.length ?? 0);
        if (performance.now() - since > SLICE_MS) {
          progress.value = `Reading texts: ${Math.floor((100 * item) / items.count)} %`;
          await breath();
          since = performance.now();
        }
      }
      if (item < items.count) add({}, items.count - item); // a map without texts can have labels
    } finally {
      progress.value = null;
    }
    return pages;
  }

  /** The codes of each category column, and the names by code. */
  private categories() {
    const columns = this.app.manifest.columns.filter(
      (column): column is CategoryColumn => column.kind === "category" && !findingOf(column),
    );
    return Promise.all(
      columns.map(async ({ name, categories }) => ({
        names: categories.map((category) => category.name),
        codes: await this.app.items.column(name),
      })),
    );
  }
}

function lines(page: string): number {
  let count = 1;
  for (let at = page.indexOf("\n"); at >= 0; at = page.indexOf("\n", at + 1)) count++;
  return count;
}

function breath(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** The search for what the images show, by a text or by words; the words are read once. */
class Contents {
  private words: Promise<Words> | null = null;

  constructor(private readonly app: App) {}

  /** The items that show what the query names, or queries with the known words like its words. */
  async find(query: string): Promise<Omit<Ended, "recognized">> {
    const { source, manifest } = this.app;
    if (isAboutTexts(query)) return { ...NOTHING, hint: explainColumn(query, manifest) };
    if (!this.app.searchesContent) return { ...NOTHING, hint: NO_WORDS };
    if (query.length > MAX_QUERY_CHARACTERS) return { ...NOTHING, hint: TOO_LONG };
    if (source.content) {
      return { ...NOTHING, content: mostSimilar(this.app, query, await source.content(query)) };
    }
    if (manifest.words === null) return NOTHING;
    this.words ??= readWords(source, manifest.words).catch((error) => {
      this.words = null;
      throw error;
    });
    const words = await this.words;
    const found = matchWords(words, query, LEAST_PROBABILITY);
    const unknown = unknownWord(words, query);
    const close = unknown ? closeWords(unknown.word, words.terms) : [];
    let hint: string | null = null;
    if (found) hint = `The network recognizes “${query}” in no image with a probability of 10 %.`;
    else if (unknown && close.length === 0)
      hint = `The words of the network lack “${unknown.word}”. Try a more general word, in English.`;
    return {
      content:
        found && found.items.length > 0
          ? { query, measure: "probability", range: [0, 1], ...found }
          : null,
      suggestions: close.map((known) => unknown?.replacedBy(known) ?? known),
      hint,
    };
  }
}

/** The items as the server compares them with the query as a text. */
function mostSimilar(app: App, query: string, byId: Float32Array): Content {
  const scores = Float32Array.from({ length: app.items.count }, (_, item) => {
    return byId[app.items.id(item)] ?? Number.NaN;
  });
  const of = (item: number) => scores[item] as number;
  const ascending = scores.slice().sort(); // without a comparison, a million take a tenth of a second
  const least = ascending.at(-Math.min(MOST_LISTED, ascending.length)) ?? 0;
  const items: number[] = [];
  for (let item = 0; item < scores.length; item++) if (of(item) >= least) items.push(item);
  items.sort((a, b) => of(b) - of(a) || a - b);
  return {
    ...{ query, measure: "similarity", scores },
    items: Uint32Array.from(items.slice(0, MOST_LISTED)),
    range: [ascending[0] ?? 0, ascending.at(-1) ?? 0],
  };
}

/** Why a query for a column finds nothing, if the search has no such column; null otherwise. */
function explainColumn(query: string, manifest: Manifest): string | null {
  const searched = searchedColumns(manifest);
  const unknown = unknownColumn(query, searched);
  if (unknown === null) return null;
  const listed = searched.slice(0, MOST_NAMED).join(", ");
  const rest = searched.length > MOST_NAMED ? ` and ${searched.length - MOST_NAMED} more` : "";
  return `The search has no column “${unknown}”. Its columns are ${listed}${rest}.`;
}

/** A phrase in quotes or a column's name: the query means texts. */
function isAboutTexts(query: string): boolean {
  return /[":]/.test(query);
}

export function runSearch(app: App): () => void {
  const haystack = new Haystack(app);
  const contents = new Contents(app);
  let asked = 0;

  async function search(query: string, wanted: () => boolean): Promise<void> {
    const ask = app.source.search
      ? app.source.search(query).then((ids) => itemsOf(app, ids))
      : haystack.find(query, wanted);
    const [found, shown] = await Promise.all([
      app.messages.attempt(ask),
      app.messages.attempt(contents.find(query)), // if it fails, the texts are still searched
    ]);
    if (!wanted()) return;
    if (found === undefined) return app.search.ended(null);
    const matches = found ?? NO_ITEMS;
    const known = new Set(matches);
    const { content, suggestions, hint } = shown ?? NOTHING;
    const recognized = content?.items.filter((item) => !known.has(item)) ?? NO_ITEMS;
    const count = matches.length + recognized.length;
    app.messages.announcement.value = `${count.toLocaleString("en-US")} found`;
    app.search.ended(Uint32Array.from([...matches, ...recognized]), {
      recognized: recognized.length,
      content,
      suggestions: count === 0 ? suggestions : [],
      hint: count === 0 ? hint : null,
    });
    app.showContent();
  }

  return effect(() => {
    const query = app.search.query.value.trim();
    const mine = ++asked;
    if (query === "") {
      untracked(() => {
        app.search.ended(null);
        app.showContent();
      });
      return undefined;
    }
    app.search.started();
    const timer = setTimeout(() => void search(query, () => mine === asked), TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  });
}

/** In the bundle's order, so that the next match is the same with and without a server. */
function itemsOf(app: App, ids: Uint32Array): Uint32Array {
  const items: number[] = [];
  for (const id of ids) {
    const item = app.items.itemOf(id);
    if (item !== null) items.push(item);
  }
  return Uint32Array.from(items).sort();
}
