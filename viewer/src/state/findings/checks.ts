/** Labels that a person has checked on the page, kept by the browser. */
import { signal } from "@preact/signals";
import { on } from "../../events";
import { SourceError } from "../../sources/error";
import type { App } from "../app";
import { checkedInMap } from "../exports/cells";
import type { Cell } from "../exports/csv";
import type { Items } from "../items/items";
import { countText } from "../wording/words";

type KeyStore = Pick<Storage, "getItem" | "setItem">;

/** The id of an item, the label that was checked, and the right label. */
type Check = readonly [id: number, given: string, right: string];

export class Checks {
  /** The right label of each checked item. */
  readonly labels = signal<ReadonlyMap<number, string>>(new Map());

  /** Null in a bundle without a digest: the ids may be those of another map with the same title. */
  private readonly storage: KeyStore | null;
  /** False if the browser had no room for the last check. */
  private isKept = true;
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
    const kept = new Map<number, string>();
    for (const [id, given, right] of this.kept()) {
      const item = this.items.itemOf(id);
      if (item === null || this.given(item) !== given) continue;
      if (!this.isCheckedInMap(item)) kept.set(item, right);
    }
    this.labels.value = kept;
  }

  /**
   * Remove the kept checks of items whose label is a checked label of the map: the map is newer.
   * Returns the number of removed checks with another label than the map.
   */
  async removeOutdated(): Promise<number> {
    if (this.kept().length === 0) return 0;
    this.inMap ??= await checkedInMap(this.items);
    const outdated = this.kept().filter(([id]) => this.isCheckedInMap(this.items.itemOf(id)));
    if (outdated.length === 0) return 0;
    this.read();
    this.write();
    return outdated.filter(([id, , right]) => {
      const item = this.items.itemOf(id);
      return item !== null && this.given(item) !== right;
    }).length;
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

  private write(): void {
    const kept = [...this.labels.value].map(
      ([item, label]): Check => [this.items.id(item), this.given(item), label],
    );
    try {
      this.storage?.setItem(this.key, JSON.stringify(kept));
      this.isKept = true;
    } catch {
      this.isKept = false;
      throw new SourceError("The browser has no room for the checked labels. Save the table.");
    }
  }

  private kept(): readonly Check[] {
    try {
      const kept: unknown = JSON.parse(this.storage?.getItem(this.key) ?? "[]");
      return (kept as unknown[][]).map(([id, ...labels]) => [
        Number(id),
        `${labels[0]}`,
        `${labels[1]}`,
      ]);
    } catch {
      throw new SourceError(
        "The checked labels that the browser keeps cannot be read. Check the labels again.",
      );
    }
  }

  /** Whether the label of an item is a checked label of the map; false until these are read. */
  private isCheckedInMap(item: number | null): boolean {
    const checked = item === null ? undefined : this.inMap?.get(item);
    return checked !== undefined && `${checked}` === this.given(item as number);
  }

  private given(item: number): string {
    return this.items.classOf(item)?.name ?? "";
  }

  /** The name under which the browser keeps the checks. */
  get key(): string {
    return `featscape-checks:${this.items.manifest.items_digest}`;
  }
}

/** Read the checks that the browser keeps, now and after changes in other tabs. */
export function watchChecks({ checks, messages }: App): () => void {
  async function read(): Promise<void> {
    checks.read();
    const n = await checks.removeOutdated();
    if (n > 0)
      messages.done(`Checks left out, because the map has another checked label: ${countText(n)}`);
  }
  void messages.attempt(read());
  return on(window, "storage", ({ key }: StorageEvent) => {
    // null: another tab has deleted all keys
    if (key === null || key === checks.key) void messages.attempt(read());
  });
}
