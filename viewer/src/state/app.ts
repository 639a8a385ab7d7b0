/**
 * The viewer's state. Navigation, selection, search and panels keep their own signals; the methods
 * here are the actions that change several of them. `stage-sync` passes the state to the stage.
 */
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { AGREEMENT, type DateColumn, type ListedFinding, type NumberColumn } from "../contract";
import type { SelectMode, Stage, Tool } from "../stage/index";
import type { ThemeChoice, ViewMode } from "./address/address";
import { classColor, type ThemeName } from "./colors/class-colors";
import { DUPLICATE_GROUP } from "./filters/columns";
import { type Filter, type Filters, type Values, withFilter } from "./filters/filters";
import { FilterMasks, type Hiding } from "./filters/hiding";
import { Checks } from "./findings/checks";
import { Findings } from "./findings/findings";
import { type Items, LABEL } from "./items/items";
import { Messages } from "./messages";
import { Search } from "./search/search";
import { type NamedSelection, NamedSelections } from "./selections/named-selections";
import { Selection } from "./selections/selection";
import { Lists } from "./view/lists";
import { Navigation, type Surroundings } from "./view/navigation";
import { type Panel, Panels, type PlacedImage } from "./view/panels";
import { type Noun, nounOf } from "./wording/nouns";
import { countText } from "./wording/words";

// Charts that are open at the start. Their columns are read, so a large map starts without charts.
const MOST_OPEN = 5;
const MOST_OPEN_ITEMS = 200_000;

/** The panels that Escape closes before it clears the selection. */
const ABOVE_SELECTION = new Set<Panel | null>(["item", "placed"]);

export class App {
  readonly mode: Signal<ViewMode>;
  readonly tool = signal<Tool>("pan");
  /** True if images are cropped to squares. */
  readonly cropped = signal(false);
  /** True if the names of the classes are written on the map. */
  readonly namesShown = signal(true);
  readonly themeChoice = signal<ThemeChoice>("auto");
  readonly theme: ReadonlySignal<ThemeName>;
  /** The column that colors the map. */
  readonly colorBy = signal(LABEL);
  readonly filters = signal<Filters>(new Map());
  /** The columns whose charts are open, in addition to the legend. */
  readonly openFacets: Signal<ReadonlySet<string>>;
  /** The columns that have been read to color or filter the map. */
  readonly columns = signal<ReadonlyMap<string, Values>>(new Map());
  /** What the filters hide; null without filters. */
  readonly hiding: ReadonlySignal<Hiding | null>;
  /** The number of items that no filter hides. */
  readonly nShown: ReadonlySignal<number>;

  readonly messages = new Messages();
  readonly navigation: Navigation;
  readonly selection = new Selection();
  /** The selections that the browser keeps under a name; null for a map without a digest. */
  readonly named: NamedSelections | null;
  /** The labels that were checked on the page. */
  readonly checks: Checks;
  readonly search: Search;
  readonly panels = new Panels(this.selection, () => this.search.foundBy.value !== null);
  readonly findings: Findings;
  readonly lists = new Lists(this);

  constructor(
    readonly items: Items,
    readonly surroundings: Surroundings,
  ) {
    this.navigation = new Navigation(surroundings);
    this.findings = new Findings(
      items.source,
      (item) => this.isShown(item),
      (item) => this.checks.labels.value.has(item),
    );
    this.named = NamedSelections.of(items.manifest, surroundings.storage);
    this.checks = new Checks(items, surroundings.storage);
    this.mode = signal(this.mapMode);
    const { count } = items;
    this.openFacets = signal(
      new Set(count <= MOST_OPEN_ITEMS ? this.colorColumns.slice(0, MOST_OPEN) : []),
    );
    const masks = new FilterMasks(count);
    this.hiding = computed(() => masks.apply(this.filters.value, this.columns.value));
    this.nShown = computed(() => this.hiding.value?.shown.length ?? count);
    this.search = new Search(
      (item) => this.goTo(item),
      (item) => this.isShown(item),
    );
    this.theme = computed(() => {
      if (this.themeChoice.value !== "auto") return this.themeChoice.value;
      return surroundings.prefersDark.value ? "dark" : "light";
    });
  }

  get manifest() {
    return this.items.manifest;
  }

  /** The start of the digest of the items, for the address; "" in a bundle without a digest. */
  get digest(): string {
    return this.manifest.items_digest?.slice(0, 8) ?? "";
  }

  get source() {
    return this.items.source;
  }

  get stage(): Stage | null {
    return this.navigation.stage;
  }

  set stage(stage: Stage | null) {
    this.navigation.stage = stage;
  }

  /** Whether a search also finds what the images show. */
  get searchesContent(): boolean {
    const { words, vectors } = this.manifest;
    return words !== null || vectors !== null || this.source.content !== undefined;
  }

  get hasImages(): boolean {
    return this.manifest.thumbnails.length > 0;
  }

  get noun(): Noun {
    return nounOf(this.manifest);
  }

  get modes(): ViewMode[] {
    return [
      "points",
      ...(this.hasImages ? (["images"] as const) : []),
      ...(this.manifest.grid ? (["grid"] as const) : []),
    ];
  }

  /** The mode in which the items are at their map positions. */
  get mapMode(): ViewMode {
    return this.hasImages ? "images" : "points";
  }

  /**
   * Check the given or the suggested label of the finding that the panel shows as correct. If no
   * finding is current, choose the first label without a check.
   */
  checkShown(isSuggested: boolean): void {
    const finding = this.lists.shownFinding;
    const { side } = this.panels;
    if (!finding && side.value === "findings" && this.findings.section.value)
      this.lists.chooseFirst();
    const first = finding?.items[0];
    if (first === undefined || !finding?.suggested) return;
    const right = isSuggested ? finding.suggested : this.items.classOf(first)?.name;
    if (right === undefined) return;
    if (this.check(finding.items, right)) this.lists.stepAfterCheck();
  }

  /** Give items their right label; null removes their check. Returns false after an error. */
  check(items: readonly number[], right: string | null): boolean {
    const { checks, messages } = this;
    const isDone = messages.attemptNow(() => checks.check(items, right));
    void messages.attempt(checks.keepPaths());
    return isDone;
  }

  /**
   * The columns that can color the map. The label is the first, even in a map without labels. A
   * column of equal numbers or dates is left out, except the label agreement.
   */
  get colorColumns(): string[] {
    const columns = this.manifest.columns.filter((column) => {
      if (column.kind === "text" || column.kind === "category") return column.kind === "category";
      const differs = column.maximum > column.minimum && column.name !== DUPLICATE_GROUP;
      return differs || column.name === AGREEMENT;
    });
    return [LABEL, ...columns.map((column) => column.name)];
  }

  /** The columns with a chart: those that differ between items, except the one of the legend. */
  get facets(): string[] {
    return this.colorColumns.filter((name) => {
      if (name === LABEL && !this.manifest.classes) return false;
      const scale = this.scaleColumn(name);
      return name !== this.colorBy.value && (!scale || scale.maximum > scale.minimum);
    });
  }

  /** A column of numbers or dates; null for any other column. */
  scaleColumn(name: string): NumberColumn | DateColumn | null {
    const column = this.manifest.columns.find((each) => each.name === name);
    if (name === LABEL || !column) return null;
    return column.kind === "number" || column.kind === "date" ? column : null;
  }

  /** Color the map by a column, also while a search colors it. */
  colorMapBy(name: string): void {
    batch(() => {
      this.colorBy.value = name;
      this.search.isColoring.value = false;
    });
  }

  toggleFacet(name: string): void {
    const next = new Set(this.openFacets.value);
    if (!next.delete(name)) next.add(name);
    this.openFacets.value = next;
  }

  /** A class's color in the current theme; "" for a class without a color. */
  displayedColor(color = ""): string {
    return classColor(color, this.theme.value);
  }

  toggleTheme(): void {
    this.themeChoice.value = this.theme.value === "dark" ? "light" : "dark";
  }

  /** Read the columns that have not been read. Returns false if one cannot be read. */
  async readColumns(names: Iterable<string>): Promise<boolean> {
    const { columns } = this;
    const unread = [...names].filter((name) => !columns.value.has(name));
    await Promise.all(
      unread.map(async (name) => {
        const values = await this.messages.attempt(this.items.column(name));
        if (!values || columns.value.get(name) === values) return; // another call was faster
        columns.value = new Map(columns.value).set(name, values);
      }),
    );
    return unread.every((name) => columns.value.has(name));
  }

  /** Select the items that no filter hides, as soon as the columns of the filters are read. */
  async selectShown(): Promise<void> {
    if (!(await this.readColumns(this.filters.value.keys()))) return;
    const all = () => Uint32Array.from({ length: this.items.count }, (_, item) => item);
    this.select(this.hiding.value?.shown ?? all());
  }

  /** Select the matches that no filter hides; while a search runs, those that it finds. */
  selectFound(): void {
    this.search.whenEnded(() => {
      const matches = this.search.matches.value;
      if (matches?.length) this.select(this.shownOf(matches));
    });
  }

  /** Whether no filter hides an item. */
  isShown(item: number): boolean {
    return !this.hiding.value?.hidden[item];
  }

  /** The items that no filter hides. */
  shownOf(items: Uint32Array): Uint32Array {
    const hidden = this.hiding.value?.hidden;
    return hidden ? items.filter((item) => hidden[item] === 0) : items;
  }

  setFilter(column: string, filter: Filter | null): void {
    this.filters.value = withFilter(this.filters.value, column, filter);
  }

  /** Open an item's panel and make the item visible on the map. */
  goTo(item: number): void {
    this.panels.openItem(item);
    this.navigation.reveal(item);
  }

  /** Go back (-1) or forward (1) through the items that were opened. */
  step(by: -1 | 1): void {
    const item = this.panels.step(by);
    if (item !== null) this.navigation.reveal(item);
  }

  /** Change the selection by `items`, and show the selection. */
  select(items: Uint32Array, mode: SelectMode = "replace"): void {
    const { selection, panels } = this;
    batch(() => {
      selection.set(items, mode);
      if (selection.count > 0) panels.show("selection");
      else if (panels.side.value === "selection") panels.side.value = null;
    });
    if (selection.count > 0) this.navigation.revealAll(() => selection.items.value);
    this.messages.announce(`${countText(selection.count)} selected`);
  }

  /** Select the items of a named selection. */
  selectNamed({ ids }: NamedSelection): void {
    this.select(this.itemsOf(ids));
  }

  /** The items with these ids, which the map must have. */
  itemsOf(ids: Uint32Array): Uint32Array {
    return ids.map((id) => this.items.itemOf(id) as number);
  }

  /** Keep the selection under a name. */
  async keepSelection(name: string): Promise<void> {
    const items = this.selection.items.value;
    const ids = items.map((item) => this.items.id(item));
    await this.messages.during("Keeping the selection…", async () => {
      this.named?.keep(name, ids, await this.items.paths(items));
      this.messages.done(`Kept as ${name} (${countText(ids.length)})`);
    });
  }

  toggleSelected(item: number): void {
    this.select(Uint32Array.of(item), this.selection.has(item) ? "subtract" : "add");
  }

  clearSelection(): void {
    this.select(new Uint32Array());
  }

  /** Close the topmost panel. The highlight of a section ends with the panel of the findings. */
  closePanel(): void {
    batch(() => {
      if (this.panels.side.value === "findings") this.closeSection();
      this.panels.close();
    });
  }

  /** Show the findings of a section in the panel and on the map, or with null the sections. */
  openFindings(name: string | null, row?: ListedFinding): void {
    const section = name === null ? null : this.findings.named(name);
    batch(() => {
      void this.messages.attempt(this.findings.open(section, row));
      this.panels.show("findings");
    });
    this.messages.announce(section?.text ?? "Findings");
  }

  toggleFindings(): void {
    if (this.panels.side.value === "findings") this.closePanel();
    else this.panels.show("findings");
  }

  /** End a newer search; else from a section to the sections, and from the sections to the map. */
  private leaveFindings(): void {
    const { query } = this.search;
    if (query.value !== "" && this.panels.newestList.value === "found") query.value = "";
    else if (this.findings.section.value) this.closeSection();
    else this.closePanel();
  }

  closeSection(): void {
    void this.findings.open(null);
  }

  /** Show a placed image on the map. */
  place(placed: PlacedImage): void {
    this.panels.showPlaced(placed);
    this.messages.announce("The image is placed on the map.");
    if (!this.navigation.showsAll) this.showPlaced();
    else {
      this.leaveGrid();
      setTimeout(() => this.navigation.fit());
    }
  }

  showPlaced(): void {
    this.leaveGrid();
    this.navigation.center(this.panels.placed.value?.position ?? []);
  }

  /** A placed image has no cell in the grid. */
  private leaveGrid(): void {
    if (this.mode.value === "grid") this.mode.value = this.mapMode;
  }

  /** Close or reset the topmost open element. */
  escape(): void {
    const { panels, messages, navigation, selection, search } = this;
    if (panels.helpOpen.value) panels.helpOpen.value = false;
    else if (messages.error.value !== null) messages.error.value = null;
    else if (navigation.cursor.value !== null && panels.side.value !== "item")
      navigation.cursor.value = null; // closes the card
    else if (ABOVE_SELECTION.has(panels.side.value)) this.closePanel();
    else if (panels.side.value === "found") search.query.value = "";
    else if (panels.side.value === "findings") this.leaveFindings();
    else if (selection.count > 0) this.clearSelection();
    else if (this.tool.value !== "pan") this.tool.value = "pan";
    else search.query.value = "";
  }
}
