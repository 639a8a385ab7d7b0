/** The search for texts in the bundle: all texts of the items, one line per item. */
import type { CategoryColumn, Manifest } from "../../contract";
import { timeMs } from "../../time";
import type { App } from "../app";
import { findingOf } from "../filters/columns";
import { LABEL } from "../items/items";
import type { TextColumns } from "../items/texts";
import { commonFolders, haystackPage, matchingLines, termsOf } from "./find";

const SLICE_MS = 30; // of searching, before the page may respond

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
export class Haystack {
  private pages: Promise<string[]> | null = null;
  /** The folders that every path begins with, normalized. */
  private folders: string | null = null;

  constructor(private readonly app: App) {}

  async find(query: string, wanted: () => boolean): Promise<Uint32Array | null> {
    this.pages ??= this.read().catch((error) => {
      this.pages = null;
      throw error;
    });
    const pages = await this.pages;
    const folders = this.folders ?? "";
    const terms = termsOf(query, searchedColumns(this.app.manifest)).map((term) =>
      folders.includes(term.text) ? { ...term, skipped: folders.length } : term,
    );
    const found: number[] = [];
    let first = 0;
    let since = timeMs();
    for (const page of pages) {
      if (!wanted()) return null;
      for (const line of matchingLines(page, terms)) found.push(first + line);
      first += lines(page);
      if (timeMs() - since > SLICE_MS) {
        await breath();
        since = timeMs();
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
      const page = haystackPage(columns, count);
      for (const [line] of page.matchAll(/^[^\t]*/gm))
        this.folders = commonFolders(this.folders ?? line, line);
      pages.push(page);
      item += count;
    };
    let since = timeMs();
    try {
      for await (const block of items.allTexts()) {
        add(block, Object.values(block)[0]?.length ?? 0);
        if (timeMs() - since > SLICE_MS) {
          progress.value = `Reading texts: ${Math.floor((100 * item) / items.count)} %`;
          await breath();
          since = timeMs();
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
