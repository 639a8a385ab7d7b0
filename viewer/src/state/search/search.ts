/** The text search: its state, and the search by the server or over the bundle's texts. */
import { batch, computed, effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import type { App } from "../app";
import { countText } from "../wording/words";
import {
  type Content,
  Contents,
  type FoundContent,
  highest,
  MOST_LISTED,
  NOTHING,
} from "./contents";
import { findAlternatives } from "./find";
import { Haystack } from "./haystack";
import { dividedQuery, matchingItems, quoteNames } from "./values";

const TYPING_PAUSE_MS = 160; // after the last letter, before the search starts

/** Matches that are shown: the items whose texts match, and further items found by content. */
export interface ShownMatches {
  readonly byText: Uint32Array;
  readonly byContent: Uint32Array;
}

export class Search {
  readonly query = signal("");
  /** The items found; null if nothing is searched for. */
  readonly matches = signal<Uint32Array | null>(null);
  /** The query that found `matches`, which the panel lists; null if nothing was found. */
  readonly foundBy = signal<string | null>(null);
  /** Number of matches, the last ones, that the network recognized; their texts do not match. */
  readonly recognized = signal(0);
  /** What the network recognizes; null without a query, or if it recognizes nothing. */
  readonly content = signal<Content | null>(null);
  /** The matches that no filter hides. The sidebar and the panel count these. */
  readonly shown: ReadonlySignal<ShownMatches>;
  /** The matches of the panel, those with the highest scores first. The map marks the best by content with rings. */
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
  /** What the user asked for while the search ran, in order. */
  private pending: (() => void)[] = [];

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
      const scores = this.content.value?.scores;
      return {
        byText: scores ? highest(byText, scores, MOST_LISTED) : byText.subarray(0, MOST_LISTED),
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

  /**
   * The matches that are brighter than the other images; null if nothing was found, or if the
   * similarity to the query colors every image.
   */
  get emphasized(): Uint32Array | null {
    const matches = this.matches.value;
    return matches?.length && this.coloring?.measure !== "similarity" ? matches : null;
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

  /** Act on the matches: now, or when the search that runs has ended and its list is open. */
  whenEnded(action: () => void): void {
    if (this.running.value) this.pending.push(action);
    else action();
  }

  /** Go to the next (1) or previous (-1) match that is shown; the first follows the last. */
  step(by: 1 | -1): void {
    this.whenEnded(() => this.stepNow(by));
  }

  private stepNow(by: 1 | -1): void {
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
    this.pending = [];
    this.running.value = true;
  }

  /** End the search with these matches, or with null if the query is empty. */
  ended(matches: Uint32Array | null, found: Partial<Ended> = {}): void {
    const { query = null, recognized = 0, content = null, suggestions = [], hint = null } = found;
    batch(() => {
      this.matches.value = matches;
      this.foundBy.value = matches === null || matches.length === 0 ? null : query;
      this.recognized.value = recognized;
      this.suggestions.value = suggestions;
      this.hint.value = hint;
      this.content.value = content;
      this.bestAt.value = -1;
      if (matches === null) this.isColoring.value = null;
      this.at.value = -1;
      this.running.value = false;
    });
  }

  /** Do what the user asked for while the search ran. */
  actPending(): void {
    for (const action of this.pending.splice(0)) action();
  }
}

const NO_ITEMS = new Uint32Array();

/** What a search found besides the matches. */
interface Ended extends FoundContent {
  readonly query: string;
  readonly recognized: number;
}

export function runSearch(app: App): () => void {
  const haystack = new Haystack(app);
  const contents = new Contents(app);
  let asked = 0;

  function end(...found: Parameters<Search["ended"]>): void {
    app.search.ended(...found);
    app.lists.showFound();
    app.search.actPending();
  }

  async function findTexts(query: string, wanted: () => boolean): Promise<Uint32Array | null> {
    if (app.source.search) return itemsOf(app, await app.source.search(query));
    return haystack.find(query, wanted);
  }

  /** The items that match a query; null if the user has changed the query. */
  async function find(query: string, wanted: () => boolean): Promise<Uint32Array | null> {
    return findAlternatives(query, async (terms) => {
      const { rest, terms: values } = dividedQuery(terms, app.manifest);
      if (values.length === 0 && terms !== "") return findTexts(terms, wanted);
      const among = rest === "" ? null : await findTexts(rest, wanted);
      return wanted() ? matchingItems(app, values, among) : null;
    });
  }

  async function search(query: string, wanted: () => boolean): Promise<void> {
    const quoted = quoteNames(query, app.manifest);
    // the server is not asked after the user has changed the query
    const hasText = async (other: string) => wanted() && !!(await findTexts(other, wanted))?.length;
    const [found, shown] = await Promise.all([
      app.messages.attempt(find(quoted, wanted)),
      app.messages.attempt(contents.find(quoted, hasText)), // if it fails, the texts are still searched
      app.readColumns(app.filters.peek().keys()), // a match that a filter hides is not shown
    ]);
    if (!wanted()) return;
    if (found === undefined) return end(null);
    const matches = found ?? NO_ITEMS;
    const known = new Set(matches);
    const { content, suggestions, hint } = shown ?? NOTHING;
    const recognized = content?.items.filter((item) => !known.has(item)) ?? NO_ITEMS;
    const count = matches.length + recognized.length;
    app.messages.announce(`${countText(count)} found`);
    end(Uint32Array.from([...matches, ...recognized]), {
      query,
      recognized: recognized.length,
      content,
      // a misspelled word can be inside of a few other words, a column's value in many
      suggestions: content || (count > MOST_LISTED && !query.includes(":")) ? [] : suggestions,
      hint: count === 0 ? hint : null,
    });
  }

  return effect(() => {
    const query = app.search.query.value.trim();
    const mine = ++asked;
    if (query === "") {
      untracked(() => end(null));
      return undefined;
    }
    app.search.started();
    untracked(() => {
      app.panels.newestList.value = "found";
    });
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
