/**
 * The lists of the panels, of sections, findings and matches: J, K and Enter go through them, and
 * the map highlights their items.
 */
import { batch } from "@preact/signals";
import type { ListedFinding } from "../../contract";
import type { App } from "../app";
import type { ListPanel } from "./panels";

export class Lists {
  constructor(
    private readonly app: Pick<App, "findings" | "messages" | "navigation" | "panels" | "search">,
  ) {}

  /** Whether the panel lists the sections, and no section is open. */
  get showsSections(): boolean {
    return this.app.panels.side.value === "findings" && this.app.findings.section.value === null;
  }

  /**
   * Go to the finding or found item before (-1) or after (1) the current one; an open item panel
   * follows. In the list of the sections, choose the section before or after the chosen one. A list
   * that is not complete is read before.
   */
  step(by: -1 | 1): void {
    this.whenComplete(() => {
      if (this.stepsFound) this.stepFound(by);
      else if (this.showsSections) {
        const section = this.app.findings.stepSection(by);
        if (section) this.app.messages.announce(`${section.title}: ${section.text}`);
      } else if (this.app.findings.step(by)) this.showFinding();
    });
  }

  /** Go to the finding after the current one, except from the last finding to the first. */
  stepAfterCheck(): void {
    const { findings, messages } = this.app;
    if (findings.at.value + 1 < (findings.rows.value?.length ?? 0)) this.step(1);
    else messages.done("The last label of the list is checked.");
  }

  /** Choose the first entry of the open list if no entry is current. */
  chooseFirst(): void {
    const { panels, search, findings } = this.app;
    const at = { found: search.bestAt, findings: findings.at }[panels.side.value as ListPanel];
    if (at?.value === -1) this.step(1);
  }

  /** Call `then` now, or when the list that J and K step through is complete. */
  whenComplete(then: () => void): void {
    const read = () => this.app.findings.whenRead(then);
    if (this.stepsFound || this.opensFound) this.app.search.whenEnded(read);
    else read();
  }

  /** Whether J and K step through what the search found: its list is open, or covered by an item. */
  private get stepsFound(): boolean {
    const { side, below } = this.app.panels;
    return side.value === "found" || (side.value === "item" && below.at(-1) === "found");
  }

  /** Whether a search opens its list: no panel is open, or findings that are older. */
  private get opensFound(): boolean {
    const { side, newestList } = this.app.panels;
    return side.value === null || (side.value === "findings" && newestList.value === "found");
  }

  /**
   * Whether the map highlights the open section rather than what the search finds: the newer of
   * the two is highlighted.
   */
  get highlightsSection(): boolean {
    return (
      this.app.search.matches.value === null || this.app.panels.newestList.value === "findings"
    );
  }

  /** The items that the map highlights, of the section or of the search; null for none. */
  get highlighted(): Uint32Array | null {
    const { findings, search } = this.app;
    return (this.highlightsSection ? findings.items.value : null) ?? search.emphasized;
  }

  /** The current item of the open list; null before the first. */
  get current(): number | null {
    const { search, findings } = this.app;
    if (this.stepsFound) return search.current;
    return findings.current.value?.items[0] ?? null;
  }

  /** The current finding, if its list is open, or one of its items above the list; else null. */
  get shownFinding(): ListedFinding | null {
    const { panels, findings } = this.app;
    const finding = findings.current.value;
    if (panels.side.value === "findings") return finding;
    const open = panels.side.value === "item" && !this.stepsFound ? panels.item.value : null;
    return open !== null && finding?.items.includes(open) ? finding : null;
  }

  /** List what a search has found, or close an empty list. */
  showFound(): void {
    const { panels, search } = this.app;
    batch(() => {
      if (search.foundBy.value !== null) {
        if (this.opensFound) panels.show("found");
      } else if (panels.side.value === "found") {
        panels.close();
        panels.newestList.value = "found"; // a search that finds nothing dims no image
      }
    });
  }

  /** Go to the list of what the search finds, and to its next image; then call `leave`. */
  enterFound(leave: () => void): void {
    const isEarly = this.app.search.running.value;
    this.app.search.whenEnded(() => {
      if (this.app.search.best.value.length === 0) return;
      leave();
      this.app.panels.show("found");
      // Enter pressed twice before the search has ended means the first image
      if (!isEarly || this.app.search.bestAt.value < 0) this.stepFound(1);
    });
  }

  private stepFound(by: -1 | 1): void {
    const { panels, search, navigation } = this.app;
    const { bestAt, best } = search;
    const open = panels.side.value === "item" ? panels.item.value : null;
    if (open !== null && best.value.includes(open)) bestAt.value = best.value.indexOf(open);
    const item = search.stepBest(by);
    if (item === null) return;
    navigation.cursor.value = null; // Enter opens the match
    if (open !== null) panels.openItem(item);
    navigation.reveal(item);
    this.app.messages.announce(`${bestAt.value + 1} of ${best.value.length}`);
  }

  chooseFinding(number: number): void {
    const { findings } = this.app;
    findings.choose(findings.rows.value?.[number] ?? null);
    this.showFinding();
  }

  private showFinding(): void {
    const { current, rows, at } = this.app.findings;
    const items = current.value?.items ?? [];
    const [first] = items;
    this.app.panels.newestList.value = "findings";
    this.app.navigation.cursor.value = null; // Enter opens the finding
    if (first !== undefined && this.app.panels.side.value === "item")
      this.app.panels.openItem(first);
    if (items.length > 0) this.app.navigation.revealAll(() => Uint32Array.from(items));
    this.app.messages.announce(`${at.value + 1} of ${rows.value?.length}: ${current.value?.text}`);
  }
}
