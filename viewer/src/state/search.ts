/** Runs the search as one types: by the server where it can, else over the bundle's texts. */
import { effect } from "@preact/signals";
import type { App } from "./app";
import { haystackPage, matchingLines, words } from "./find";

const TYPING_PAUSE_MS = 160;
const SLICE_MS = 30;

/** What is searched, read once: pages of lines, a line an item. */
class Haystack {
  private pages: Promise<string[]> | null = null;

  constructor(private readonly app: App) {}

  async find(query: string, wanted: () => boolean): Promise<Uint32Array | null> {
    this.pages ??= this.read().catch((error) => {
      this.pages = null;
      throw error;
    });
    const sought = words(query);
    const found: number[] = [];
    let first = 0;
    let since = performance.now();
    for (const page of await this.pages) {
      if (!wanted()) return null;
      for (const line of matchingLines(page, sought)) found.push(first + line);
      first += lines(page);
      if (performance.now() - since > SLICE_MS) {
        await breath();
        since = performance.now();
      }
    }
    return Uint32Array.from(found);
  }

  private async read(): Promise<string[]> {
    const { items, busy } = this.app;
    const pages: string[] = [];
    let item = 0;
    const add = (columns: readonly (readonly (string | null)[])[], count: number) => {
      const labels = Array.from({ length: count }, () => items.classOf(item++)?.name ?? null);
      pages.push(haystackPage([labels, ...columns], count));
    };
    let since = performance.now();
    try {
      for await (const block of items.allTexts()) {
        const columns = Object.values(block);
        add(columns, columns[0]?.length ?? 0);
        if (performance.now() - since > SLICE_MS) {
          busy.value = `Reading texts: ${Math.floor((100 * item) / items.count)} %`;
          await breath();
          since = performance.now();
        }
      }
      if (item < items.count) add([], items.count - item); // a map without texts has labels
    } finally {
      busy.value = null;
    }
    return pages;
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

export function runSearch(app: App): () => void {
  const haystack = new Haystack(app);
  let asked = 0;

  async function search(query: string, wanted: () => boolean): Promise<void> {
    const ask = app.source.search
      ? app.source.search(query).then((ids) => itemsOf(app, ids))
      : haystack.find(query, wanted);
    const matches = await app.attempt(ask);
    if (wanted()) app.found(matches ?? null);
  }

  return effect(() => {
    const query = app.query.value.trim();
    const mine = ++asked;
    if (query === "") {
      app.found(null);
      return undefined;
    }
    app.seek();
    const timer = setTimeout(() => void search(query, () => mine === asked), TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  });
}

/** In the bundle's order, so that the next match is the same with a server and without. */
function itemsOf(app: App, ids: Uint32Array): Uint32Array {
  const items: number[] = [];
  for (const id of ids) {
    const item = app.items.itemOf(id);
    if (item !== null) items.push(item);
  }
  return Uint32Array.from(items).sort();
}
