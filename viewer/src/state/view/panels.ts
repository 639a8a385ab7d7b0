/** State of the panels: which are open, and their contents. */
import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import { EMPTY_HISTORY, type History, step, visit } from "../items/item-history";
import type { Neighbor } from "../items/items";
import type { Selection } from "../selections/selection";

export type Panel = "item" | "selection" | "placed" | "findings" | "found";

/** The panels that list items which the map highlights. */
export type ListPanel = "findings" | "found";

export interface PlacedImage {
  /** The name of the file. */
  readonly name: string;
  /** The file, or the server's small copy of a TIFF file. */
  readonly image: Blob;
  readonly isCopy: boolean;
  readonly position: readonly number[];
  readonly neighbors: readonly Neighbor[];
}

export class Panels {
  /** The panel at the right; null if none is open. */
  readonly side = signal<Panel | null>(null);
  /** The list that was asked for last. */
  readonly newestList = signal<ListPanel>("findings");
  readonly sidebarOpen = signal(true);
  readonly helpOpen = signal(false);
  /** The items that the item panel has shown, for its Back and Forward buttons. */
  readonly history = signal<History>(EMPTY_HISTORY);
  /** The item that the item panel shows. */
  readonly item: ReadonlySignal<number | null>;
  readonly placed = signal<PlacedImage | null>(null);
  /** The nearest neighbors that the open panel lists. */
  readonly neighbors = signal<readonly number[]>([]);
  /** The panels that others were opened above, the lowest first, also if their contents are gone. */
  private covered: readonly Panel[] = [];

  constructor(
    private readonly selection: Selection,
    private readonly hasFound: () => boolean,
  ) {
    this.item = computed(() => this.history.value.items[this.history.value.at] ?? null);
  }

  openItem(item: number): void {
    batch(() => {
      this.history.value = visit(this.history.value, item);
      if (this.side.value !== "item") this.covered = this.stack;
      this.side.value = "item";
    });
  }

  /** Show the item before (-1) or after (1) the current one. Returns the item. */
  step(by: -1 | 1): number | null {
    this.history.value = step(this.history.value, by);
    return this.item.value;
  }

  /** Open a panel and close all others, except the findings below what a search finds. */
  show(panel: Exclude<Panel, "item">): void {
    batch(() => {
      this.history.value = EMPTY_HISTORY;
      this.covered = this.stack.filter((each) => panel === "found" && each === "findings");
      this.open(panel);
    });
  }

  showPlaced(placed: PlacedImage): void {
    batch(() => {
      this.placed.value = placed;
      this.show("placed");
    });
  }

  /** Close the panel; the panel below it appears again. */
  close(): void {
    batch(() => {
      if (this.side.value === "item") this.history.value = EMPTY_HISTORY;
      if (this.side.value === "placed") this.placed.value = null;
      const { below } = this;
      this.covered = below.slice(0, -1);
      this.open(below.at(-1) ?? null);
    });
  }

  /** Number of open panels at the right, including those below the topmost panel. */
  get depth(): number {
    if (this.side.value === null) return 0;
    return 1 + this.below.length;
  }

  /** The panels that appear when those above are closed, the lowest first. */
  get below(): readonly Panel[] {
    return this.covered.filter((panel) => this.exists(panel));
  }

  private open(panel: Panel | null): void {
    this.side.value = panel;
    if (panel === "findings" || panel === "found") this.newestList.value = panel;
  }

  /** The covered panels and the open panel. */
  private get stack(): readonly Panel[] {
    return this.side.value === null ? [] : [...this.covered, this.side.value];
  }

  /** Whether a covered panel still has contents. */
  private exists(panel: Panel): boolean {
    if (panel === "found") return this.hasFound();
    if (panel === "placed") return this.placed.value !== null;
    return panel !== "selection" || this.selection.count > 0;
  }
}
