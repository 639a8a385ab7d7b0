/** Labels that a person has checked on the page, kept by the browser. */
import { signal } from "@preact/signals";
import { on } from "../../events";
import { SourceError } from "../../sources/error";
import type { App } from "../app";
import type { Items } from "../items/items";

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
    const text = this.storage.getItem(this.key) ?? "[]";
    try {
      const kept = new Map<number, string>();
      for (const [id, given, right] of JSON.parse(text) as Check[]) {
        const item = this.items.itemOf(id);
        if (item !== null && this.given(item) === given) kept.set(item, `${right}`);
      }
      this.labels.value = kept;
    } catch {
      throw new SourceError(
        "The checked labels that the browser keeps cannot be read. Check the labels again.",
      );
    }
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
    const kept = [...labels].map(
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
  const read = () => messages.attemptNow(() => checks.read());
  read();
  return on(window, "storage", ({ key }: StorageEvent) => {
    if (key === null || key === checks.key) read(); // null: another tab has deleted all keys
  });
}
