/** Selections under names, kept by the browser, and as a file. */
import { type ReadonlySignal, signal } from "@preact/signals";
import type { Manifest } from "../../contract";
import { SourceError } from "../../sources/error";
import type { App } from "../app";

export interface NamedSelection {
  readonly name: string;
  /** Ids, ascending. */
  readonly ids: Uint32Array;
}

type KeyStore = Pick<Storage, "getItem" | "setItem">;

const FORMAT = "featscape-selections";
const VERSION = 1;
export const MOST_NAME_LETTERS = 100;
const MOST_SELECTIONS = 500;
// A file from someone else must not fill the memory: a million ids take 8 MB.
const MOST_FILE_BYTES = 64 * 2 ** 20;

/** The maps whose selections are exchanged: those with the same items. */
interface Items {
  readonly digest: string;
  readonly nItems: number;
}

/** Write selections as JSON, with the digest of the map's items. */
export function selectionsText(list: readonly NamedSelection[], { digest }: Items): string {
  const selections = list.map(({ name, ids }) => ({ name, ids: Array.from(ids) }));
  return JSON.stringify({ format: FORMAT, version: VERSION, items_digest: digest, selections });
}

/** Read selections from JSON. Throws a SourceError if they are damaged or of other items. */
export function parseSelections(text: string, { digest, nItems }: Items): NamedSelection[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw damaged("the file is not JSON");
  }
  if (!isRecord(content) || content["format"] !== FORMAT || content["version"] !== VERSION) {
    throw damaged(`the file is not of the format ${FORMAT}, version ${VERSION}`);
  }
  if (content["items_digest"] !== digest) {
    throw new SourceError(
      "The selections belong to a map of other images. Import them in a map of the same images.",
    );
  }
  const { selections } = content;
  if (!Array.isArray(selections) || selections.length > MOST_SELECTIONS) {
    throw damaged(`there must be a list of at most ${MOST_SELECTIONS} selections`);
  }
  const list = selections.map((each) => parseSelection(each, nItems));
  if (new Set(list.map(({ name }) => name)).size < list.length) {
    throw damaged("two selections have the same name");
  }
  return list;
}

function parseSelection(value: unknown, nItems: number): NamedSelection {
  const { name, ids } = isRecord(value) ? value : {};
  if (typeof name !== "string" || name.trim() === "" || name.length > MOST_NAME_LETTERS) {
    throw damaged(`a name must have 1 to ${MOST_NAME_LETTERS} characters`);
  }
  const isId = (id: unknown) => Number.isInteger(id) && (id as number) >= 0;
  if (!Array.isArray(ids) || !ids.every((id) => isId(id) && id < nItems)) {
    throw damaged(`the ids of a selection must be whole numbers from 0 to ${nItems - 1}`);
  }
  return { name: name.trim(), ids: ascending(ids) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function damaged(reason: string): SourceError {
  return new SourceError(`The selections cannot be read: ${reason}. Export them again.`);
}

function ascending(ids: Iterable<number>): Uint32Array {
  return Uint32Array.from(new Set(ids)).sort();
}

export class NamedSelections {
  private readonly current = signal<readonly NamedSelection[]>([]);

  private constructor(
    private readonly items: Items,
    private readonly storage: KeyStore | null,
  ) {}

  /** The selections kept for a map; null if its bundle is too old to name its items. */
  static of({ items_digest, n_items }: Manifest, storage: KeyStore | null): NamedSelections | null {
    if (!items_digest) return null;
    const items = { digest: items_digest, nItems: n_items };
    return new NamedSelections(items, storage);
  }

  /** Sorted by name. */
  get list(): ReadonlySignal<readonly NamedSelection[]> {
    return this.current;
  }

  /** Read what the browser keeps, also from other tabs. Throws a SourceError if it is damaged. */
  read(): void {
    const text = this.storage?.getItem(this.key);
    if (text) this.current.value = parseSelections(text, this.items);
  }

  /** Keep a selection. A selection with the same name is replaced. */
  keep(name: string, ids: Iterable<number>): void {
    this.change((list) => [
      ...list.filter((each) => each.name !== name),
      { name, ids: ascending(ids) },
    ]);
  }

  remove(name: string): void {
    this.change((list) => list.filter((each) => each.name !== name));
  }

  /** Add selections from a file. One with the name of another selection gets a number. */
  import(text: string): void {
    const added = parseSelections(text, this.items);
    this.change((list) => added.reduce(withNew, list));
  }

  export(): string {
    return selectionsText(this.current.value, this.items);
  }

  /** The name under which the browser keeps the selections. */
  get key(): string {
    return `${FORMAT}:${this.items.digest}`;
  }

  private change(edit: (list: readonly NamedSelection[]) => readonly NamedSelection[]): void {
    try {
      this.read(); // another tab may have changed the list
    } catch (error) {
      if (!(error instanceof SourceError)) throw error; // a damaged text was reported at the start
    }
    const next = [...edit(this.current.value)].sort((a, b) => a.name.localeCompare(b.name));
    if (next.length > MOST_SELECTIONS) {
      throw new SourceError(
        `The browser keeps at most ${MOST_SELECTIONS} selections of a map. Delete a selection.`,
      );
    }
    this.current.value = next;
    try {
      if (!this.storage) throw new Error("the page has no storage");
      this.storage.setItem(this.key, selectionsText(next, this.items));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new SourceError(
        `The browser does not keep the selections after this visit (${reason}). Export them.`,
      );
    }
  }
}

/** Read the selections that the browser keeps, now and after changes in other tabs. */
export function watchSelections({ named, messages }: App): () => void {
  const read = () => messages.attemptNow(() => named?.read());
  const changed = ({ key }: StorageEvent) => {
    if (key === named?.key) read();
  };
  read();
  window.addEventListener("storage", changed);
  return () => window.removeEventListener("storage", changed);
}

/** Add the selections of a file, which may be from someone else. */
export async function importSelections({ named, messages }: App, file: Blob): Promise<void> {
  await messages.during("Reading the selections…", async () => {
    if (file.size > MOST_FILE_BYTES) {
      throw damaged(`the file must have at most ${MOST_FILE_BYTES / 2 ** 20} MiB`);
    }
    named?.import(await file.text());
  });
}

function withNew(list: readonly NamedSelection[], added: NamedSelection): NamedSelection[] {
  const same = list.find((each) => each.name === added.name);
  if (same && String(same.ids) === String(added.ids)) return [...list];
  let name = added.name;
  for (let i = 2; list.some((each) => each.name === name); i++) {
    name = `${added.name.slice(0, MOST_NAME_LETTERS - 6)} (${i})`;
  }
  return [...list, { ...added, name }];
}
