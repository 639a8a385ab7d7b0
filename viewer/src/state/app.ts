/** What one sees and has chosen. The panels read these signals; `stage-sync` hands them to the stage. */
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { AGREEMENT } from "../contract";
import { SourceError } from "../sources/error";
import type { Area, Point, Stage, Tool, View } from "../stage";
import { panned } from "../stage/camera";
import type { Shared, ThemeChoice, ViewMode } from "./address";
import { classColor, type ThemeName } from "./class-colors";
import { type Filter, type Filters, withFilter } from "./filters";
import { type Items, LABEL, type Neighbor } from "./items";
import { NOWHERE, step, type Walk, walkTo } from "./walk";

export type Panel = "item" | "selection" | "placed";

export interface PlacedImage {
  readonly image: Blob;
  readonly position: readonly number[];
  readonly neighbors: readonly Neighbor[];
}

export interface Surroundings {
  /** In a notebook: the address and the keys of the page are not ours. */
  readonly embedded: boolean;
  readonly prefersDark: ReadonlySignal<boolean>;
  /** Of the stage, in CSS pixels. */
  size(): { readonly width: number; readonly height: number };
  /** The part of the stage that no panel covers. */
  clearArea(): Area;
}

const EDGE_PX = 40; // about half of an image and its border

export class App {
  readonly mode: Signal<ViewMode>;
  readonly tool = signal<Tool>("pan");
  readonly themeChoice = signal<ThemeChoice>("auto");
  readonly theme: ReadonlySignal<ThemeName>;

  readonly colorBy = signal(LABEL);
  readonly filters = signal<Filters>(new Map());
  readonly query = signal("");
  /** null: no search is on. */
  readonly matches = signal<Uint32Array | null>(null);
  /** Which of the matches one stands at; -1 before the first. */
  readonly matchAt = signal(-1);
  /** A search is under way: the matches are those of the one before. */
  readonly searching = signal(false);
  readonly selection = signal<Uint32Array>(new Uint32Array());

  readonly walk = signal<Walk>(NOWHERE);
  readonly item: ReadonlySignal<number | null>;
  /** Where the keyboard stands on the map. */
  readonly cursor = signal<number | null>(null);
  readonly hover = signal<{ readonly item: number; readonly at: Point } | null>(null);
  /** Hovered in a list. */
  readonly pointed = signal<number | null>(null);
  readonly placed = signal<PlacedImage | null>(null);

  readonly panel = signal<Panel | null>(null);
  readonly sidebarOpen = signal(true);
  readonly help = signal(false);
  /** What is under way, in words. */
  readonly busy = signal<string | null>(null);
  readonly trouble = signal<string | null>(null);
  /** For screen readers. */
  readonly said = signal("");
  readonly contextLost = signal(false);
  /** The view shows no item at all. */
  readonly nothingSeen = signal(false);
  /** Counts the view's moves, for what stands at a place of the stage. */
  readonly viewMoved = signal(0);
  /** Counts what the stage was told that hides items, or moves them. */
  readonly itemsChanged = signal(0);

  /** The view that shows all, until one moves. */
  private whole: View | null = null;
  /** The same, moved aside for an item that a panel covered, until one moves. */
  private aside: View | null = null;
  /** What an item was opened from, and closes to. */
  private under: Panel | null = null;
  /** Asked of matches that are not found yet. */
  private awaited: 1 | -1 | null = null;
  private readonly theStage = signal<Stage | null>(null);

  constructor(
    readonly items: Items,
    readonly surroundings: Surroundings,
  ) {
    this.mode = signal(this.hasImages ? "images" : "points");
    this.item = computed(() => this.walk.value.items[this.walk.value.at] ?? null);
    this.theme = computed(() => {
      if (this.themeChoice.value !== "auto") return this.themeChoice.value;
      return surroundings.prefersDark.value ? "dark" : "light";
    });
  }

  get manifest() {
    return this.items.manifest;
  }

  get source() {
    return this.items.source;
  }

  get hasImages(): boolean {
    return this.manifest.thumbnails.length > 0;
  }

  /** What can color the map; the label first, also where there is none. A lone number tells nothing. */
  get colorColumns(): string[] {
    const columns = this.manifest.columns.filter((column) => {
      if (column.kind !== "number") return column.kind === "category";
      return column.maximum > column.minimum || column.name === AGREEMENT;
    });
    return [LABEL, ...columns.map((column) => column.name)];
  }

  get stage(): Stage | null {
    return this.theStage.value;
  }

  set stage(stage: Stage | null) {
    this.theStage.value = stage;
  }

  /** Do something that may fail, and say so where it does. */
  async attempt<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof SourceError)) console.error(error);
      this.trouble.value = error instanceof Error ? error.message : String(error);
      return undefined;
    }
  }

  /** The same, said to be under way as long as it is. */
  async during(what: string, work: () => Promise<void>): Promise<void> {
    this.busy.value = what;
    await this.attempt(work());
    this.busy.value = null;
  }

  /** Returns what says why something fails, and null once it no longer does: that message alone goes. */
  passingTrouble(): (why: string | null) => void {
    let said: string | null = null;
    return (why) => {
      if (why !== null || this.trouble.value === said) this.trouble.value = why;
      said = why;
    };
  }

  setFilter(column: string, filter: Filter | null): void {
    this.filters.value = withFilter(this.filters.value, column, filter);
  }

  open(item: number): void {
    batch(() => {
      this.walk.value = walkTo(this.walk.value, item);
      if (this.panel.value !== "item") this.under = this.panel.value;
      this.panel.value = "item";
    });
  }

  /** Open an item and bring it into sight. */
  goTo(item: number): void {
    this.open(item);
    this.reveal(item);
  }

  back(): void {
    this.walkBy(-1);
  }

  forward(): void {
    this.walkBy(1);
  }

  private walkBy(by: -1 | 1): void {
    this.walk.value = step(this.walk.value, by);
    if (this.item.value !== null) this.reveal(this.item.value);
  }

  /** Move the view, if need be, so that an item is seen beside the panels, once they are drawn. */
  reveal(item: number): void {
    setTimeout(() => {
      const { stage } = this;
      const at = stage?.locate(item);
      if (!stage || !at) return;
      const { left, right, top, bottom } = this.clearArea();
      if (at.x >= left && at.x <= right && at.y >= top && at.y <= bottom) return;
      const shift = [(left + right) / 2 - at.x, (top + bottom) / 2 - at.y] as const;
      const before = stage.view();
      stage.setView(panned(before, ...shift), true);
      if (before === this.whole || before === this.aside) this.aside = stage.view();
    });
  }

  /** Move the view, if need be, so that what is selected is seen beside the panel that tells of it. */
  private revealSelection(): void {
    setTimeout(() => {
      const { stage } = this;
      const seen = stage && boxOf(stage, this.selection.value);
      if (!stage || !seen) return;
      const { left, right, top, bottom } = this.clearArea();
      const before = stage.view();
      if (seen.right - seen.left > right - left || seen.bottom - seen.top > bottom - top) {
        if (before === this.whole) this.fit(); // all was seen, and is again
        return;
      }
      const dx = Math.max(left - seen.left, 0) || Math.min(right - seen.right, 0);
      const dy = Math.max(top - seen.top, 0) || Math.min(bottom - seen.bottom, 0);
      if (dx === 0 && dy === 0) return;
      stage.setView(panned(before, dx, dy), true);
      if (before === this.whole || before === this.aside) this.aside = stage.view();
    });
  }

  /** Show all, or these, in the part of the stage that no panel covers. */
  fit(items?: Uint32Array, smooth = true): void {
    this.stage?.fit(items ?? null, this.surroundings.clearArea(), smooth);
    if (!items) this.whole = this.stage?.view() ?? null;
  }

  /** The room has changed: what showed all does so again, and what one went to stays. */
  resized(): void {
    setTimeout(() => {
      if (this.whole !== null && this.stage?.view() === this.whole) this.fit(undefined, false);
    });
  }

  /** The view whose center lies in the middle of what the panels leave. */
  private besidePanels(view: View): View {
    const { width, height } = this.surroundings.size();
    const { left, right, top, bottom } = this.clearArea();
    return panned(view, (left + right - width) / 2, (top + bottom - height) / 2);
  }

  /** Where an item is seen best: clear of the panels, and not at their very edge. */
  private clearArea(): Area {
    const { left, right, top, bottom } = this.surroundings.clearArea();
    const inset = Math.min(EDGE_PX, (right - left) / 4, (bottom - top) / 4);
    return { left: left + inset, right: right - inset, top: top + inset, bottom: bottom - inset };
  }

  /** A class's color as it is seen in the theme; "" where there is none. */
  seenColor(color = ""): string {
    return classColor(color, this.theme.value);
  }

  toggleTheme(): void {
    this.themeChoice.value = this.theme.value === "dark" ? "light" : "dark";
  }

  /** Where all was seen, a new image is seen among all. */
  place(placed: PlacedImage): void {
    batch(() => {
      this.placed.value = placed;
      this.show("placed");
    });
    this.said.value = "The image is placed on the map.";
    if (this.whole === null || this.stage?.view() !== this.whole) this.showPlaced();
    else {
      this.leaveGrid();
      setTimeout(() => this.fit());
    }
  }

  /** In the grid a new image has no cell. */
  private leaveGrid(): void {
    if (this.mode.value === "grid") this.mode.value = this.hasImages ? "images" : "points";
  }

  showPlaced(): void {
    this.leaveGrid();
    const [x = 0, y = 0, z = 0] = this.placed.value?.position ?? [];
    setTimeout(() => {
      const view = this.stage?.view();
      if (view) this.stage?.setView(this.besidePanels({ ...view, center: [x, y, z] }), true);
    });
  }

  /** What closing the panel leads back to. */
  private get below(): Panel | null {
    const isThere = this.under === "placed" ? this.placed.value : this.selection.value.length > 0;
    return isThere ? this.under : null;
  }

  /** How many panels lie upon one another. */
  get depth(): number {
    if (this.panel.value === null) return 0;
    return this.below === null ? 1 : 2;
  }

  /** Open a panel in the place of all that are open. */
  show(panel: Exclude<Panel, "item">): void {
    batch(() => {
      this.walk.value = NOWHERE;
      this.under = null;
      this.panel.value = panel;
    });
  }

  closePanel(): void {
    batch(() => {
      const { below } = this;
      if (this.panel.value === "item") this.walk.value = NOWHERE;
      if (this.panel.value === "placed") this.placed.value = null;
      this.panel.value = below;
      this.under = null;
    });
    setTimeout(() => {
      const view = this.stage?.view() ?? null;
      if (view !== null && (view === this.aside || view === this.whole)) this.fit();
    });
  }

  select(items: Uint32Array, add: boolean): void {
    const next = add ? union(this.selection.value, items) : items;
    batch(() => {
      this.selection.value = next;
      if (next.length > 0) this.show("selection");
      else if (this.panel.value === "selection") this.panel.value = null;
    });
    if (next.length > 0) this.revealSelection();
    this.said.value = `${next.length.toLocaleString("en-US")} selected`;
  }

  /** In if out, out if in. */
  toggleSelected(item: number): void {
    const selection = this.selection.value;
    if (selection.includes(item))
      this.select(
        selection.filter((other) => other !== item),
        false,
      );
    else this.select(Uint32Array.of(item), true);
  }

  clearSelection(): void {
    this.select(new Uint32Array(), false);
  }

  /** Go `by` matches on; past the end, from the start again. */
  nextMatch(by: 1 | -1): void {
    if (this.searching.value) {
      this.awaited = by;
      return;
    }
    const matches = this.matches.value;
    if (!matches || matches.length === 0) return;
    const from = this.matchAt.value < 0 && by < 0 ? 0 : this.matchAt.value;
    const at = (from + by + matches.length) % matches.length;
    this.matchAt.value = at;
    this.goTo(matches[at] as number);
  }

  /** A search begins: what was asked of the one before is forgotten. */
  seek(): void {
    this.awaited = null;
    this.searching.value = true;
  }

  /** It has ended with these, or with null where there is none any more. */
  found(matches: Uint32Array | null): void {
    const by = this.awaited;
    batch(() => {
      this.matches.value = matches;
      this.matchAt.value = -1;
      this.searching.value = false;
    });
    this.awaited = null;
    if (matches) this.said.value = `${matches.length.toLocaleString("en-US")} found`;
    if (by !== null) this.nextMatch(by);
  }

  /** Escape: the topmost thing open goes. */
  escape(): void {
    if (this.help.value) this.help.value = false;
    else if (this.trouble.value !== null) this.trouble.value = null;
    else if (this.panel.value === "item" || this.panel.value === "placed") this.closePanel();
    else if (this.selection.value.length > 0) this.clearSelection();
    else if (this.tool.value !== "pan") this.tool.value = "pan";
    else if (this.cursor.value !== null) this.cursor.value = null;
    else this.query.value = "";
  }

  /** What the address says, as far as this map knows of it. */
  restore(shared: Shared): void {
    const kinds = new Map(this.manifest.columns.map((column) => [column.name, column.kind]));
    if (this.manifest.classes) kinds.set(LABEL, "category");
    const filters = [...(shared.filters ?? [])].filter(
      ([column, { kind }]) => kinds.get(column) === (kind === "codes" ? "category" : "number"),
    );
    const colorBy = shared.colorBy ?? LABEL;
    const item = shared.item === undefined ? null : this.items.itemOf(shared.item);
    batch(() => {
      if (shared.mode && this.modes.includes(shared.mode)) this.mode.value = shared.mode;
      if (shared.theme) this.themeChoice.value = shared.theme;
      if (this.colorColumns.includes(colorBy)) this.colorBy.value = colorBy;
      this.query.value = shared.query ?? "";
      this.filters.value = new Map(filters);
      if (item !== null) this.open(item);
    });
    if (shared.view) this.stage?.setView(shared.view);
  }

  get modes(): ViewMode[] {
    return [
      "points",
      ...(this.hasImages ? (["images"] as const) : []),
      ...(this.manifest.grid ? (["grid"] as const) : []),
    ];
  }
}

const MOST_LOCATED = 5000;

/** Where the items are seen; of very many, a sample, for they stand in no order of their places. */
function boxOf(stage: Stage, items: Uint32Array): Area | null {
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

function union(one: Uint32Array, other: Uint32Array): Uint32Array {
  const all = new Set(one);
  for (const item of other) all.add(item);
  return Uint32Array.from(all);
}
