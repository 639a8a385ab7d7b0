/** The lists of the panels, of sections, findings and matches: J, K and Enter go through them. */
import type { App } from "../app";

export class Lists {
  constructor(
    private readonly app: Pick<App, "findings" | "messages" | "navigation" | "panels" | "search">,
  ) {}

  /** Whether the panel lists the sections, and no section is open. */
  get showsSections(): boolean {
    return this.app.panels.side.value === "findings" && this.app.findings.section.value === null;
  }

  /**
   * Go to the finding or match before (-1) or after (1) the current one; an open item panel follows.
   * In the list of the sections, choose the section before or after the chosen one. A list that is
   * not complete is read before.
   */
  step(by: -1 | 1): void {
    this.whenComplete(() => {
      if (this.app.panels.side.value === "found") this.stepFound(by);
      else if (this.showsSections) {
        const section = this.app.findings.stepSection(by);
        if (section) this.app.messages.announcement.value = `${section.title}: ${section.text}`;
      } else if (this.app.findings.step(by)) this.showFinding();
    });
  }

  /** Call `then` now, or when the list that J and K step through is complete. */
  whenComplete(then: () => void): void {
    const { side } = this.app.panels;
    const read = () => this.app.findings.whenRead(then);
    // a search opens its list if no other panel is open
    if (side.value === null || side.value === "found") this.app.search.whenEnded(read);
    else read();
  }

  /** List what a search has found, if no other panel is open; close an empty list. */
  showFound(): void {
    const { panels, search } = this.app;
    if (search.foundBy.value === null) {
      if (panels.side.value === "found") panels.close();
    } else if (panels.side.value === null) panels.show("found");
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
    const item = this.app.search.stepBest(by);
    if (item === null) return;
    this.app.navigation.cursor.value = null; // Enter opens the match
    this.app.navigation.reveal(item);
    const { bestAt, best } = this.app.search;
    this.app.messages.announcement.value = `${bestAt.value + 1} of ${best.value.length}`;
  }

  chooseFinding(number: number): void {
    this.app.findings.at.value = number;
    this.showFinding();
  }

  private showFinding(): void {
    const { current, rows, at } = this.app.findings;
    const items = current.value?.items ?? [];
    const [first] = items;
    this.app.navigation.cursor.value = null; // Enter opens the finding
    if (first !== undefined && this.app.panels.side.value === "item")
      this.app.panels.openItem(first);
    if (items.length > 0) this.app.navigation.revealAll(() => Uint32Array.from(items));
    this.app.messages.announcement.value = `${at.value + 1} of ${rows.value?.length}: ${current.value?.finding.text}`;
  }
}
