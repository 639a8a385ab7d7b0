/** The view of the map: which part of it the stage shows, and which item has the pointer or cursor. */
import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { RegionName } from "../../contract";
import type { Area, ClearArea, Point, Stage, View } from "../../stage";
import type { TornNeighbors } from "../items/items";

/** A class or category to which the pointer points in a panel. */
export interface Highlight {
  readonly column: string;
  readonly code: number;
}

/** The item under the pointer, or the image of the region whose name is under the pointer. */
export interface Hover {
  readonly item: number;
  readonly at: Point;
  readonly region: RegionName | null;
}

export interface Surroundings {
  /** True in a notebook: the viewer then does not use the page's address and keys. */
  readonly embedded: boolean;
  readonly prefersDark: ReadonlySignal<boolean>;
  /** Size of the stage in CSS pixels. */
  size(): { readonly width: number; readonly height: number };
  /** The part of the stage that no panel covers. */
  clearArea(): ClearArea;
  /** Keeps texts between visits; null if the browser does not allow it. */
  readonly storage: Pick<Storage, "getItem" | "setItem"> | null;
}

const EDGE_PX = 40; // about half of an image with its border
const HIGHLIGHT_MS = 80; // a pointer that crosses a list highlights nothing
const MOST_LOCATED = 5000; // items of the sample from which a bounding box is estimated

export class Navigation {
  /** The item that the keyboard cursor is on. */
  readonly cursor = signal<number | null>(null);
  readonly hover = signal<Hover | null>(null);
  /** The neighbors of the item in the card that are elsewhere on the map; null without a card. */
  readonly torn = signal<TornNeighbors | null>(null);
  /** The item whose button is hovered in a panel. */
  readonly hoveredInPanel = signal<number | null>(null);
  readonly highlight = signal<Highlight | null>(null);
  /** True if the view shows no item. */
  readonly viewIsEmpty = signal(false);
  /** True in a grid whose cells are too small for images. */
  readonly imagesTooSmall = signal(false);
  /** Counts the moves of the view; elements placed at a stage position depend on the count. */
  readonly viewMoves = signal(0);
  /** Counts the changes of the stage that hide or move items. */
  readonly itemChanges = signal(0);

  private highlightTimer: ReturnType<typeof setTimeout> | undefined;
  /** The view that `fit` chose for the whole map; null before the first fit. */
  private wholeView: View | null = null;
  private readonly stageSignal: Signal<Stage | null> = signal(null);

  constructor(private readonly surroundings: Surroundings) {}

  get stage(): Stage | null {
    return this.stageSignal.value;
  }

  set stage(stage: Stage | null) {
    this.stageSignal.value = stage;
  }

  /** True while the view is the one that shows the whole map. */
  get showsAll(): boolean {
    return this.wholeView !== null && this.stage?.view() === this.wholeView;
  }

  /** Highlight a class on the map after the pointer has rested on its entry; null ends it. */
  highlightSoon(highlight: Highlight | null): void {
    clearTimeout(this.highlightTimer);
    const set = () => {
      this.highlight.value = highlight;
    };
    if (highlight) this.highlightTimer = setTimeout(set, HIGHLIGHT_MS);
    else set();
  }

  /** Show the whole map, or `items`, in the part of the stage that no panel covers. */
  fit(items?: Uint32Array, smooth = true): void {
    this.stage?.fit(items ?? null, this.surroundings.clearArea(), smooth);
    if (!items) this.wholeView = this.stage?.view() ?? null;
  }

  /**
   * Write the names in the free part of the stage after this part has changed, and fit the whole map
   * again, unless the user has moved.
   */
  resized(smooth: boolean): void {
    setTimeout(() => {
      this.stage?.setClearArea(this.surroundings.clearArea());
      if (this.showsAll) this.fit(undefined, smooth);
    });
  }

  /**
   * Make `item` visible. Waits for the panels. The whole map is fitted into the space next to the panels; a map that the
   * user has moved moves as little as possible.
   */
  reveal(item: number): void {
    setTimeout(() => {
      if (this.showsAll) {
        this.fit();
        return;
      }
      const at = this.stage?.locate(item);
      if (!at) return;
      const { left, right, top, bottom } = this.insetArea();
      this.shift(inside(at.x, left, right) - at.x, inside(at.y, top, bottom) - at.y);
    });
  }

  /** As `reveal`, for many items. Items that need more room than there is are not moved. */
  revealAll(items: () => Uint32Array): void {
    setTimeout(() => {
      if (this.showsAll) {
        this.fit();
        return;
      }
      const box = this.stage && boundingArea(this.stage, items());
      if (!box) return;
      const { left, right, top, bottom } = this.insetArea();
      if (box.right - box.left > right - left || box.bottom - box.top > bottom - top) return;
      const dx = Math.max(left - box.left, 0) || Math.min(right - box.right, 0);
      const dy = Math.max(top - box.top, 0) || Math.min(bottom - box.bottom, 0);
      this.shift(dx, dy);
    });
  }

  /** Center a map position in the part of the stage that no panel covers. Waits for the panels. */
  center(position: readonly number[]): void {
    setTimeout(() => this.stage?.center(position, this.insetArea(), true));
  }

  private shift(dx: number, dy: number): void {
    if (dx !== 0 || dy !== 0) this.stage?.pan(dx, dy, true);
  }

  /** The clear area without its edges: an item at its border is still completely visible. */
  private insetArea(): Area {
    const { left, right, top, bottom } = this.surroundings.clearArea();
    const inset = Math.min(EDGE_PX, (right - left) / 4, (bottom - top) / 4);
    return { left: left + inset, right: right - inset, top: top + inset, bottom: bottom - inset };
  }
}

function inside(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** The bounding box of the items on the stage; estimated from a sample of large selections. */
function boundingArea(stage: Stage, items: Uint32Array): Area | null {
  const step = Math.ceil(items.length / MOST_LOCATED);
  const box = { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
  for (let i = 0; i < items.length; i += step) {
    const at = stage.locate(items[i] as number);
    if (!at) continue;
    box.left = Math.min(box.left, at.x);
    box.right = Math.max(box.right, at.x);
    box.top = Math.min(box.top, at.y);
    box.bottom = Math.max(box.bottom, at.y);
  }
  return box.left <= box.right ? box : null;
}
