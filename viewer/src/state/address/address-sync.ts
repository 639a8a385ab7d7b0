/** Keeps the page's address in sync with the state. */
import { batch, effect, signal } from "@preact/signals";
import type { View } from "../../stage/index";
import type { App } from "../app";
import { LABEL } from "../items/items";
import { decodeAddress, encodeAddress } from "./address";
import { itemsOf, restore } from "./restore";
import { MOST_IDS } from "./selection-text";

// Browsers reject more than about 100 changes of the address in 30 s.
const PAUSE_MS = 400;

/**
 * Each open panel is an entry of the browser's history: Back closes the panel and stays on the
 * map, as phone users expect. The state of an entry is the number of open panels.
 */
export class AddressSync {
  private readonly view = signal<View | null>(null);
  private readonly ended = new AbortController();
  private readonly stopEffect: () => void;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private written: string;
  private depth: number;
  private selected: { items: Uint32Array | null; ids: readonly number[] } = {
    items: null,
    ids: [],
  };
  private leaving = false; // true while `history.go` drops the entries of closed panels

  constructor(
    private readonly app: App,
    private readonly page: Window = window,
  ) {
    const { history, location } = page;
    this.written = location.hash;
    this.depth = depthOf(history.state);
    const { signal } = this.ended;
    page.addEventListener("popstate", (event) => this.went(event), { signal });
    page.addEventListener("hashchange", () => this.changed(), { signal });
    this.stopEffect = effect(() => this.keep());
  }

  /** The view has changed. */
  moved(view: View): void {
    this.view.value = view;
  }

  stop(): void {
    this.stopEffect();
    clearTimeout(this.timer);
    this.ended.abort();
  }

  private address(): string {
    const { app } = this;
    return `#${encodeAddress({
      ...(this.view.value && { view: this.view.value }),
      ...(app.navigation.showsAll && { showsAll: true }),
      mode: app.mode.value,
      cropped: app.cropped.value,
      namesShown: app.namesShown.value,
      ...(app.colorBy.value !== LABEL && { colorBy: app.colorBy.value }),
      filters: app.filters.value,
      ...(app.panels.item.value !== null && { item: app.items.id(app.panels.item.value) }),
      selection: this.selectedIds(),
      digest: app.digest,
      query: app.search.query.value.trim(),
      ...(app.findings.section.value && { finding: app.findings.section.value.name }),
      theme: app.themeChoice.value,
    })}`;
  }

  /** The ids of the selection. They are kept, because each move of the view writes the address. */
  private selectedIds(): readonly number[] {
    const items = this.app.selection.items.value;
    if (this.selected.items !== items) {
      const fits = items.length <= MOST_IDS;
      this.selected = {
        items,
        ids: fits ? Array.from(items, (item) => this.app.items.id(item)) : [],
      };
    }
    return this.selected.ids;
  }

  /** Write the address: immediately if a panel has opened, otherwise after a pause. */
  private keep(): void {
    const { history, location } = this.page;
    const hash = this.address();
    const wanted = this.app.panels.depth;
    clearTimeout(this.timer);
    if (this.leaving) return;
    if (wanted > this.depth) {
      history.replaceState({ depth: this.depth }, "", location.href);
      while (this.depth < wanted) history.pushState({ depth: ++this.depth }, "", hash);
      this.written = hash;
      return;
    }
    this.timer = setTimeout(() => {
      if (wanted < this.depth) {
        this.leaving = true;
        history.go(wanted - this.depth);
      } else if (location.hash === this.written) {
        // a different address was pasted just now: `changed` reads it next
        this.written = hash;
        history.replaceState({ depth: this.depth }, "", hash);
      }
    }, PAUSE_MS);
  }

  /** Handles back and forward, from the browser or from `keep`. */
  private went({ state }: PopStateEvent): void {
    if (state === null) return; // a pasted address: `changed` handles it
    const before = this.depth;
    this.depth = depthOf(state);
    this.written = this.page.location.hash;
    if (this.leaving) this.leaving = false;
    else if (this.depth < before) {
      const nClosed = before - this.app.panels.depth;
      if (nClosed > 0) {
        // The entry belonged to a panel that was closed in the last PAUSE_MS: go back once more.
        clearTimeout(this.timer);
        this.page.history.go(-nClosed);
        return;
      }
      this.closeDownTo(this.depth);
    } else if (this.depth > before) this.reopen();
    else restore(this.app, decodeAddress(this.written));
    this.keep();
  }

  private closeDownTo(open: number): void {
    batch(() => {
      while (this.app.panels.depth > open) this.app.closePanel();
    });
  }

  /** Reopen the entry's findings or item. The address does not describe other panels. */
  private reopen(): void {
    const state = decodeAddress(this.page.location.hash);
    const { finding } = state;
    const isClosed = this.app.panels.side.value === null;
    if (finding !== undefined && isClosed && this.app.findings.named(finding)) {
      this.app.openFindings(finding);
    }
    const { item } = itemsOf(this.app, state);
    if (item !== null) this.app.goTo(item);
  }

  /** Handles an address that was pasted into this page. */
  private changed(): void {
    const { history, location } = this.page;
    if (location.hash === this.written) return;
    this.written = location.hash;
    this.depth = depthOf(history.state);
    restore(this.app, decodeAddress(this.written));
    this.keep();
  }
}

function depthOf(state: { readonly depth?: number } | null): number {
  return state?.depth ?? 0;
}
