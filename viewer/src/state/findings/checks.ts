/** Labels that a person has checked on the page, kept by the browser. */
import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { on } from "../../events";
import { SourceError } from "../../sources/error";
import type { App } from "../app";
import { type Cell, checkedInMap } from "../items/cells";
import type { Items } from "../items/items";
import { countText } from "../wording/words";

type KeyStore = Pick<Storage, "getItem" | "setItem">;

/**
 * The digest of a version of the map, the id and the path of an item ("" until it is read), the
 * label that was checked, and the right label.
 */
type Check = readonly [digest: string, id: number, path: string, given: string, right: string];

export class Checks {
  /** The right label of each checked item. */
  readonly labels = signal<ReadonlyMap<number, string>>(new Map());
  /** The checks of other versions of the map, by item, that `addEarlier` adds. */
  readonly earlier: ReadonlySignal<ReadonlyMap<number, Check>> = computed(
    // a check of this version is newer
    () => new Map([...this.found.value].filter(([item]) => !this.labels.value.has(item))),
  );

  /** Null in a bundle without a digest: the ids may be those of another map with the same title. */
  private readonly storage: KeyStore | null;
  /** False if the browser had no room for the last check. */
  private isKept = true;
  /** The kept checks of other versions of the map. */
  private others: readonly Check[] = [];
  /** The checks of `others` whose items were found. */
  private readonly found = signal<ReadonlyMap<number, Check>>(new Map());
  /** The paths of checked items, by which another version of the map finds the items. */
  private readonly paths = new Map<number, string>();
  /** The checked labels of the map; null until they are read. */
  private inMap: ReadonlyMap<number, Cell> | null = null;

  constructor(
    private readonly items: Items,
    storage: KeyStore | null,
  ) {
    this.storage = items.manifest.items_digest ? storage : null;
  }

  /**
   * Read what the browser keeps. A check of a label that the item no longer has is left out: the map
   * was made with another label. Throws a SourceError if the text is damaged; the next check
   * replaces a damaged text.
   */
  read(): void {
    if (!this.storage || !this.isKept) return;
    const all = this.kept();
    const own = new Map<number, string>();
    for (const [digest, id, path, given, right] of all) {
      const item = digest === this.digest ? this.items.itemOf(id) : null;
      if (item === null || !this.isOpen(item, given)) continue;
      own.set(item, right);
      if (path !== "") this.paths.set(item, path);
    }
    this.others = all.filter(([digest]) => digest !== this.digest);
    this.labels.value = own;
  }

  /**
   * Remove the kept checks of items whose label is a checked label of the map: the map is newer.
   * Returns the number of removed checks with another label than the map.
   */
  async removeOutdated(): Promise<number> {
    const own = () => this.kept().filter(([digest]) => digest === this.digest);
    if (own().length === 0) return 0;
    this.inMap ??= await checkedInMap(this.items);
    const outdated = own().filter(([, id]) => this.isCheckedInMap(this.items.itemOf(id)));
    if (outdated.length === 0) return 0;
    this.read();
    this.write();
    return outdated.filter(([, id, , , right]) => {
      const item = this.items.itemOf(id);
      return item !== null && this.given(item) !== right;
    }).length;
  }

  /** Keep the paths of the checked items, too. */
  async keepPaths(): Promise<void> {
    const unread = [...this.labels.value.keys()].filter((item) => !this.paths.has(item));
    for (const item of unread) this.paths.set(item, await this.items.path(item));
    if (unread.length === 0 || !this.isKept) return;
    this.read();
    this.write();
  }

  /** Find the items of the checks that were made in other versions of the map. */
  async findEarlier(): Promise<void> {
    const found = new Map<number, Check>();
    if (this.others.length > 0) {
      this.inMap ??= await checkedInMap(this.items);
      const ids = await this.items.idsOf(new Set(this.others.map(([, , path]) => path)));
      for (const check of this.others) {
        const [, , path, given] = check;
        const item = this.items.itemOf(ids.get(path) ?? -1);
        if (item !== null && this.isOpen(item, given)) found.set(item, check);
      }
    }
    this.found.value = found;
  }

  /** Add the checks of other versions of the map, whose items were found, to this version. */
  addEarlier(): void {
    this.read();
    const labels = new Map(this.labels.value);
    const name = ([, , path, given]: Check) => JSON.stringify([path, given]);
    const added = this.earlier.value;
    for (const [item, check] of added) {
      labels.set(item, check[4]);
      this.paths.set(item, check[2]);
    }
    const names = new Set([...added.values()].map(name));
    this.others = this.others.filter((check) => !names.has(name(check)));
    this.found.value = new Map();
    this.labels.value = labels;
    this.write();
  }

  /** Give items their right label. Throws a SourceError if the browser cannot keep the checks. */
  check(items: readonly number[], right: string | null): void {
    try {
      this.read(); // another tab may have changed the checks
    } catch (error) {
      if (!(error instanceof SourceError)) throw error; // a damaged text was reported at the start
    }
    const labels = new Map(this.labels.value);
    for (const item of items) {
      if (right === null) labels.delete(item);
      else labels.set(item, right);
    }
    this.labels.value = labels;
    this.write();
  }

  /** The checked labels of the map and of this browser, without the checks that are outdated. */
  async withLabelsOfMap(): Promise<ReadonlyMap<number, Cell>> {
    this.inMap ??= await checkedInMap(this.items);
    const own = [...this.labels.value].filter(([item]) => !this.isCheckedInMap(item));
    return new Map([...this.inMap, ...own]);
  }

  private write(): void {
    const { items, paths, digest } = this;
    const own = [...this.labels.value].map(
      ([item, label]): Check => [
        digest,
        items.id(item),
        paths.get(item) ?? "",
        this.given(item),
        label,
      ],
    );
    try {
      this.storage?.setItem(this.key, JSON.stringify([...this.others, ...own]));
      this.isKept = true;
    } catch {
      this.isKept = false;
      throw new SourceError("The browser has no room for the checked labels. Save the table.");
    }
  }

  /** The checks that the browser keeps of all versions of the map. */
  private kept(): readonly Check[] {
    try {
      const kept: unknown = JSON.parse(this.storage?.getItem(this.key) ?? "[]");
      return (kept as unknown[][]).map(([digest, id, path, given, right]) => [
        `${digest}`,
        Number(id),
        `${path}`,
        `${given}`,
        `${right}`,
      ]);
    } catch {
      throw new SourceError(
        "The checked labels that the browser keeps cannot be read. Check the labels again.",
      );
    }
  }

  /** Whether an item has the label that was checked, and the map has no checked label of the item. */
  private isOpen(item: number, given: string): boolean {
    return this.given(item) === given && !this.isCheckedInMap(item);
  }

  /** Whether the label of an item is a checked label of the map; false until these are read. */
  private isCheckedInMap(item: number | null): boolean {
    const checked = item === null ? undefined : this.inMap?.get(item);
    return checked !== undefined && `${checked}` === this.given(item as number);
  }

  private given(item: number): string {
    return this.items.classOf(item)?.name ?? "";
  }

  private get digest(): string {
    return this.items.manifest.items_digest ?? "";
  }

  /** The name under which the browser keeps the checks of all versions of the map. */
  get key(): string {
    return `featscape-checks:${this.items.manifest.title}`;
  }
}

/** Read the checks that the browser keeps, now and after changes in other tabs. */
export function watchChecks({ checks, messages, noun }: App): () => void {
  async function read(): Promise<void> {
    checks.read();
    const n = await checks.removeOutdated();
    if (n > 0) {
      const removed = n === 1 ? "1 check was" : `${countText(n)} checks were`;
      const other =
        n === 1 ? `another checked label of the ${noun}` : `other checked labels of the ${noun}s`;
      messages.done(`${removed} removed, because the map has ${other}.`);
    }
    await checks.keepPaths(); // of a check after which the page was closed at once
  }
  void messages.attempt(read());
  return on(window, "storage", ({ key }: StorageEvent) => {
    // null: another tab has deleted all keys
    if (key === null || key === checks.key) void messages.attempt(read());
  });
}
