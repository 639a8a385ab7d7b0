/** The open section of the findings, its findings, and the chosen finding. */
import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import { readFindings } from "../../bundle/findings";
import type { ListedFinding, ListedSection } from "../../contract";
import type { Source } from "../../source";

/** What the map shows of the current finding: lines from an item to others, or rings around items. */
export interface FindingLinks {
  readonly from: number | null;
  readonly to: readonly number[];
}

/** A finding about an item: its section, and its row in the section. */
export interface ItemFinding {
  readonly section: ListedSection;
  readonly row: ListedFinding;
}

/** The column with the share of the nearest items on the map that are not similar. */
export const FALSE_FRIENDS = "false_friends";
/** Items with a larger share are faded: most of their nearest items on the map are not similar. */
export const MOST_FALSE = 0.5;

const NO_LINKS: FindingLinks = { from: null, to: [] };

export class Findings {
  /** The section whose findings the panel lists; null while the panel lists the sections. */
  readonly section = signal<ListedSection | null>(null);
  /** The number of the chosen section in the list of sections; -1 for none. */
  readonly chosen = signal(-1);
  /** The rows of the section that have an item that no filter hides; null while they are read. */
  readonly rows: ReadonlySignal<readonly ListedFinding[] | null>;
  /** The number of the current row in `rows`; -1 for none. */
  readonly at: ReadonlySignal<number>;
  /** The current row; null for none, also if the filters hide the row. */
  readonly current: ReadonlySignal<ListedFinding | null>;
  /** The items of the rows that no filter hides, which the map highlights; null for none. */
  readonly items: ReadonlySignal<Uint32Array | null>;
  readonly links: ReadonlySignal<FindingLinks>;
  /** True if the map fades the items with false friends; ends with the section. */
  readonly fadesFalseFriends = signal(false);
  /** Ends when the rows of the open section are read. */
  private opening: Promise<void> = Promise.resolve();
  /** All rows of the section, and the row that was chosen last. */
  private readonly all = signal<readonly ListedFinding[] | null>(null);
  private readonly row = signal<ListedFinding | null>(null);
  private readonly read = new Map<string, Promise<readonly ListedFinding[]>>();

  constructor(
    private readonly source: Source,
    isShown: (item: number) => boolean,
    private readonly isChecked: (item: number) => boolean,
  ) {
    this.rows = computed(
      () =>
        this.all.value?.filter(({ items }) => items.length === 0 || items.some(isShown)) ?? null,
    );
    this.at = computed(() =>
      this.row.value ? (this.rows.value?.indexOf(this.row.value) ?? -1) : -1,
    );
    this.current = computed(() => this.rows.value?.[this.at.value] ?? null);
    this.items = computed(() => highlighted(this.rows.value, isShown));
    this.links = computed(() => linksOf(this.section.value, this.current.value));
  }

  /** The sections, the most useful first; null for a map without findings. */
  get sections(): readonly ListedSection[] | null {
    return this.source.manifest.findings?.sections ?? null;
  }

  /** Choose the section before (-1) or after (1) the chosen one, among those with findings. */
  stepSection(by: -1 | 1): ListedSection | null {
    const sections = this.sections ?? [];
    const open = sections.flatMap(({ n_findings }, i) => (n_findings > 0 ? [i] : []));
    if (open.length === 0) return null;
    const place = open.indexOf(this.chosen.value);
    const next = place < 0 ? (by > 0 ? 0 : -1) : place + by;
    this.chosen.value = open.at(next % open.length) as number;
    return sections[this.chosen.value] ?? null;
  }

  /** The chosen section, or else the first one with findings; null if there is none. */
  get chosenSection(): ListedSection | null {
    const sections = this.sections ?? [];
    return sections[this.chosen.value] ?? sections.find((each) => each.n_findings > 0) ?? null;
  }

  named(name: string): ListedSection | null {
    return this.sections?.find((section) => section.name === name) ?? null;
  }

  /** List the findings of a section, with a current row, or with null list the sections. */
  open(section: ListedSection | null, row: ListedFinding | null = null): Promise<void> {
    this.opening = this.readAndList(section, row);
    return this.opening;
  }

  /** Make a row current. */
  choose(row: ListedFinding | null): void {
    this.row.value = row;
  }

  /** Call `then` now, or when the rows of the open section are read, if it is still open. */
  whenRead(then: () => void): void {
    const section = this.section.value;
    if (section === null || this.rows.value !== null) then();
    else
      this.opening.then(
        () => section === this.section.value && this.whenRead(then),
        () => undefined, // the caller of open() reports the error
      );
  }

  private async readAndList(
    section: ListedSection | null,
    row: ListedFinding | null,
  ): Promise<void> {
    batch(() => {
      this.section.value = section;
      this.all.value = null;
      this.row.value = row;
      this.fadesFalseFriends.value = false;
    });
    if (!section) return;
    this.chosen.value = this.sections?.indexOf(section) ?? -1;
    const rows = await this.rowsOf(section);
    if (this.section.value === section) this.all.value = rows;
  }

  /** The listed findings about an item: label errors, duplicates and other findings about images. */
  async of(item: number): Promise<readonly ItemFinding[]> {
    const sections = (this.sections ?? []).filter(
      ({ layout, n_listed }) => n_listed > 0 && (layout === "items" || layout === "pairs"),
    );
    const found = await Promise.all(
      sections.map(async (section) => {
        const rows = await this.rowsOf(section);
        const row = rows.find((each) => each.items.includes(item));
        return row ? [{ section, row }] : [];
      }),
    );
    return found.flat();
  }

  /**
   * Make the row before (-1) or after (1) the current one current. Returns the row. The list of the
   * labels starts at the first label without a check.
   */
  step(by: -1 | 1): ListedFinding | null {
    const rows = this.rows.value ?? [];
    if (rows.length === 0 || this.section.value?.layout === "texts") return null;
    const start = rows.findIndex(
      ({ items, suggested }) => suggested === null || !this.isChecked(items[0] ?? -1),
    );
    // -1 is the last row: the list is circular
    const next =
      this.at.value < 0 && by > 0 ? Math.max(start, 0) : Math.max(this.at.value + by, -1);
    this.choose(rows.at(next % rows.length) ?? null);
    return this.current.value;
  }

  private rowsOf(section: ListedSection): Promise<readonly ListedFinding[]> {
    let rows = this.read.get(section.name);
    if (!rows) {
      rows = readFindings(this.source, section);
      rows.catch(() => this.read.delete(section.name)); // a later call reads again
      this.read.set(section.name, rows);
    }
    return rows;
  }
}

function highlighted(
  rows: readonly ListedFinding[] | null,
  isShown: (item: number) => boolean,
): Uint32Array | null {
  const items = new Set(rows?.flatMap((each) => each.items.filter(isShown)));
  return items.size > 0 ? Uint32Array.from(items) : null;
}

function linksOf(section: ListedSection | null, current: ListedFinding | null): FindingLinks {
  const first = current?.items[0];
  if (!section || !current || first === undefined) return NO_LINKS;
  if (section.layout === "items") return { from: first, to: current.neighbors };
  if (section.layout === "pairs") return { from: first, to: current.items.slice(1) };
  return { from: null, to: current.items };
}
