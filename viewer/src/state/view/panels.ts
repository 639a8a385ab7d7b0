/** State of the panels: which are open, and their contents. */
import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import { EMPTY_HISTORY, type History, step, visit } from "../items/item-history";
import type { Neighbor } from "../items/items";
import type { Selection } from "../selections/selection";

export type Panel = "item" | "selection" | "placed" | "findings" | "found";

export interface PlacedImage {
  /** The name of the file. */
  readonly name: string;
  readonly image: Blob;
  readonly position: readonly number[];
  readonly neighbors: readonly Neighbor[];
}

export class Panels {
  /** The panel at the right; null if none is open. */
  readonly side = signal<Panel | null>(null);
  readonly sidebarOpen = signal(true);
  readonly helpOpen = signal(false);
  /** The items that the item panel has shown, for its Back and Forward buttons. */
  readonly history = signal<History>(EMPTY_HISTORY);
  /** The item that the item panel shows. */
  readonly item: ReadonlySignal<number | null>;
  readonly placed = signal<PlacedImage | null>(null);
  /** The nearest neighbors that the open panel lists. */
  readonly neighbors = signal<readonly number[]>([]);
  /** The panel from which the item panel was opened. */
  private previous: Panel | null = null;

  constructor(
    private readonly selection: Selection,
    private readonly hasFound: () => boolean,
  ) {
    this.item = computed(() => this.history.value.items[this.history.value.at] ?? null);
  }

  openItem(item: number): void {
    batch(() => {
      this.history.value = visit(this.history.value, item);
      if (this.side.value !== "item") this.previous = this.side.value;
      this.side.value = "item";
    });
  }

  /** Show the item before (-1) or after (1) the current one. Returns the item. */
  step(by: -1 | 1): number | null {
    this.history.value = step(this.history.value, by);
    return this.item.value;
  }

  /** Open a panel and close all others. */
  show(panel: Exclude<Panel, "item">): void {
    batch(() => {
      this.history.value = EMPTY_HISTORY;
      this.previous = null;
      this.side.value = panel;
    });
  }

  showPlaced(placed: PlacedImage): void {
    batch(() => {
      this.placed.value = placed;
      this.show("placed");
    });
  }

  /** Close the panel; the panel from which an item was opened appears again. */
  close(): void {
    batch(() => {
      const { below } = this;
      if (this.side.value === "item") this.history.value = EMPTY_HISTORY;
      if (this.side.value === "placed") this.placed.value = null;
      this.side.value = below;
      this.previous = null;
    });
  }

  /** Number of open panels at the right, including the one under an item panel. */
  get depth(): number {
    if (this.side.value === null) return 0;
    return this.below === null ? 1 : 2;
  }

  /** The panel that appears when the current one is closed. */
  private get below(): Panel | null {
    if (this.previous === "findings") return this.previous;
    if (this.previous === "found") return this.hasFound() ? this.previous : null;
    const exists = this.previous === "placed" ? this.placed.value : this.selection.count > 0;
    return exists ? this.previous : null;
  }
}
