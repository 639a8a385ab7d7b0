/** Selections under names, kept by the browser, and as a file. */
import { type ReadonlySignal, signal } from "@preact/signals";
import type { Manifest } from "../../contract";
import { on } from "../../events";
import { errorText, SourceError } from "../../sources/error";
import type { App } from "../app";
import { countText } from "../wording/words";

export interface NamedSelection {
  readonly name: string;
  /** Ids, ascending. */
  readonly ids: Uint32Array;
  /** The paths, by which another version of the map finds the images; absent in older pages. */
  readonly paths?: readonly string[] | undefined;
}

type KeyStore = Pick<Storage, "getItem" | "setItem">;

const FORMAT = "featscape-selections";
const VERSION = 1;
export const MOST_NAME_LETTERS = 100;
const MOST_SELECTIONS = 500;
// A file from someone else must not fill the memory: a million ids take 8 MB.
const MOST_FILE_BYTES = 64 * 2 ** 20;

/** The map that the ids of selections belong to. */
interface VersionOfMap {
  readonly digest: string;
  readonly nItems: number;
  /** The same for all versions of the map. */
  readonly title: string;
}

/** Write selections as JSON, with the digest of the map's items. */
export function selectionsText(list: readonly NamedSelection[], digest: string): string {
  const selections = list.map((each) => ({ ...each, ids: Array.from(each.ids) }));
  return JSON.stringify({ format: FORMAT, version: VERSION, items_digest: digest, selections });
}

/**
 * Read selections from JSON. Those of another version of the map have no ids, because its ids are
 * those of other images. Throws a SourceError if they are damaged.
 */
export function parseSelections(
  text: string,
  { digest, nItems }: Pick<VersionOfMap, "digest" | "nItems">,
): NamedSelection[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw damaged("the file is not JSON");
  }
  if (!isRecord(content) || content["format"] !== FORMAT || content["version"] !== VERSION) {
    throw damaged(`the file is not of the format ${FORMAT}, version ${VERSION}`);
  }
  const isOwn = content["items_digest"] === digest;
  const { selections } = content;
  if (!Array.isArray(selections) || selections.length > MOST_SELECTIONS) {
    throw damaged(`there must be a list of at most ${MOST_SELECTIONS} selections`);
  }
  const list = selections.map((each) => parseSelection(each, isOwn ? nItems : null));
  if (new Set(list.map(({ name }) => name)).size < list.length) {
    throw damaged("two selections have the same name");
  }
  return list;
}

function parseSelection(value: unknown, nItems: number | null): NamedSelection {
  const { name, ids, paths } = isRecord(value) ? value : {};
  if (typeof name !== "string" || name.trim() === "" || name.length > MOST_NAME_LETTERS) {
    throw damaged(`a name must have 1 to ${MOST_NAME_LETTERS} characters`);
  }
  const isId = (id: unknown) => Number.isInteger(id) && (id as number) >= 0;
  if (!Array.isArray(ids) || !ids.every((id) => isId(id) && id < (nItems ?? 2 ** 32))) {
    throw damaged("the ids of a selection must be numbers of images of the map");
  }
  if (!(paths === undefined || (Array.isArray(paths) && paths.every(isText)))) {
    throw damaged("the paths of a selection must be texts");
  }
  return { name: name.trim(), ids: ascending(nItems === null ? [] : ids), paths };
}

function isText(value: unknown): value is string {
  return typeof value === "string";
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
  /** The digests of the other versions of the map whose selections this version does not have. */
  readonly others = signal<readonly string[]>([]);

  private constructor(
    readonly map: VersionOfMap,
    private readonly storage: KeyStore | null,
  ) {}

  /** The selections kept for a map; null if its bundle is too old to name its items. */
  static of(
    { items_digest, n_items, title }: Manifest,
    storage: KeyStore | null,
  ): NamedSelections | null {
    if (!items_digest) return null;
    const map = { digest: items_digest, nItems: n_items, title };
    return new NamedSelections(map, storage);
  }

  /** Sorted by name. */
  get list(): ReadonlySignal<readonly NamedSelection[]> {
    return this.current;
  }

  /** Read what the browser keeps, also from other tabs. Throws a SourceError if it is damaged. */
  read(): void {
    const { digest } = this.map;
    this.others.value = this.versions.filter((version) => version !== digest);
    const text = this.kept(digest);
    if (text) this.current.value = this.parse(text);
  }

  parse(text: string): NamedSelection[] {
    return parseSelections(text, this.map);
  }

  /** The text that the browser keeps for a version of the map. */
  kept(digest: string): string | null {
    return this.storage?.getItem(keyOf(digest)) ?? null;
  }

  /** Keep a selection. A selection with the same name is replaced. */
  keep(name: string, ids: Iterable<number>, paths?: readonly string[]): void {
    this.change((list) => [
      ...list.filter((each) => each.name !== name),
      { name, ids: ascending(ids), paths },
    ]);
  }

  remove(name: string): void {
    this.change((list) => list.filter((each) => each.name !== name));
  }

  /** Add selections. One with the name of another selection gets a number. */
  add(added: readonly NamedSelection[]): void {
    this.change((list) => added.reduce(withNew, list));
  }

  /** This version of the map has the selections of all other versions now. */
  forgetOthers(): void {
    this.storage?.setItem(this.versionsKey, this.map.digest);
    this.others.value = [];
  }

  /** The name under which the browser keeps the selections. */
  get key(): string {
    return keyOf(this.map.digest);
  }

  /** The name under which the browser keeps the digests of the versions that have selections. */
  private get versionsKey(): string {
    return keyOf(`versions of ${this.map.title}`);
  }

  private get versions(): string[] {
    return this.storage?.getItem(this.versionsKey)?.split(" ") ?? [];
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
      this.write(next);
    } catch {
      this.writeIds(next);
    }
  }

  private write(list: readonly NamedSelection[]): void {
    if (!this.storage) throw new Error("the page has no storage");
    const { digest } = this.map;
    this.storage.setItem(this.key, selectionsText(list, digest));
    this.storage.setItem(this.versionsKey, [...new Set(this.versions).add(digest)].join(" "));
  }

  /** Write the selections without paths. Throws a SourceError that says what the browser keeps. */
  private writeIds(list: readonly NamedSelection[]): void {
    let kept = "only for this version of the map, because it has no room for their paths";
    try {
      this.write(list.map(({ name, ids }) => ({ name, ids })));
    } catch (error) {
      kept = `only for this visit (${errorText(error)})`;
    }
    throw new SourceError(`The browser keeps the selections ${kept}. Export them.`);
  }
}

function keyOf(map: string): string {
  return `${FORMAT}:${map}`;
}

/** Read the selections that the browser keeps, now and after changes in other tabs. */
export function watchSelections({ named, messages }: App): () => void {
  const read = () => messages.attemptNow(() => named?.read());
  read();
  return on(window, "storage", ({ key }: StorageEvent) => {
    if (key === named?.key) read();
  });
}

/** Add the selections of a file, which may be from someone else. */
export async function importSelections(app: App, file: Blob): Promise<void> {
  await app.messages.during("Reading the selections…", async () => {
    if (file.size > MOST_FILE_BYTES) {
      throw damaged(`the file must have at most ${MOST_FILE_BYTES / 2 ** 20} MiB`);
    }
    await addSelections(app, [await file.text()]);
  });
}

/** Add the selections that the browser keeps for other versions of the map. */
export async function takeOverSelections(app: App): Promise<void> {
  await app.messages.during(`Finding the ${app.noun}s…`, async () => {
    const { named } = app;
    const texts = named?.others.value.flatMap((each) => named.kept(each) ?? []);
    if (await addSelections(app, texts ?? [])) named?.forgetOthers();
  });
}

/** The selections as text, with the paths of all images. */
export async function exportSelections(app: App): Promise<string> {
  const list: NamedSelection[] = [];
  for (const { paths, ...each } of app.named?.list.value ?? []) {
    list.push({ ...each, paths: paths ?? (await app.items.paths(app.itemsOf(each.ids))) });
  }
  return selectionsText(list, app.named?.map.digest ?? "");
}

/**
 * Add the selections of texts, and report how many images of other versions were found. Return
 * whether at least one image of every selection was found.
 */
async function addSelections(app: App, texts: string[]): Promise<boolean> {
  const { named, items, messages, noun } = app;
  const list = texts.flatMap((text) => named?.parse(text) ?? []);
  const wanted = new Set(list.flatMap(({ ids, paths }) => (ids.length > 0 ? [] : (paths ?? []))));
  const known = await items.idsOf(wanted);
  const found = list.flatMap((each): NamedSelection[] => {
    if (each.ids.length > 0) return [each];
    const paths = (each.paths ?? []).filter((path) => known.has(path));
    const ids = ascending(paths.map((path) => known.get(path) as number));
    return ids.length > 0 ? [{ ...each, ids, paths }] : [];
  });
  if (found.length < 1 && list.length > 0) {
    throw new SourceError(
      `The selections belong to a map of other ${noun}s: this map has none of their paths. Import them in a map of the same ${noun}s.`,
    );
  }
  named?.add(found);
  const lost = list.flatMap(({ name }) => (found.some((each) => each.name === name) ? [] : name));
  if (wanted.size > 0 || lost.length > 0) {
    const without = lost.length > 0 ? `; no ${noun} of ${lost.join(", ")}` : "";
    messages.done(`${countText(known.size)} of ${countText(wanted.size)} ${noun}s found${without}`);
  }
  return lost.length < 1;
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
