/** Keeps the page's address in sync with the state. */
import { batch, effect, signal } from "@preact/signals";
import type { View } from "../../stage/index";
import type { App } from "../app";
import { LABEL } from "../items/items";
import { decodeAddress, encodeAddress } from "./address";

// Browsers reject more than about 100 changes of the address in 30 s.
const PAUSE_MS = 400;

export interface AddressSync {
  /** The view has changed. */
  moved(view: View): void;
  stop(): void;
}

/**
 * Each open panel is an entry of the browser's history: Back closes the panel and stays on the
 * map, as phone users expect. The state of an entry is the number of open panels.
 */
export function syncAddress(app: App, page: Window = window): AddressSync {
  const { history, location } = page;
  const view = signal<View | null>(null);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let written = location.hash;
  let depth = depthOf(history.state);
  let leaving = false; // true while `history.go` drops the entries of closed panels

  function address(): string {
    return `#${encodeAddress({
      ...(view.value && { view: view.value }),
      ...(app.navigation.showsAll && { showsAll: true }),
      mode: app.mode.value,
      ...(app.colorBy.value !== LABEL && { colorBy: app.colorBy.value }),
      filters: app.filters.value,
      ...(app.panels.item.value !== null && { item: app.items.id(app.panels.item.value) }),
      query: app.search.query.value.trim(),
      theme: app.themeChoice.value,
    })}`;
  }

  function keep(): void {
    const hash = address();
    const wanted = app.panels.depth;
    clearTimeout(timer);
    if (leaving) return;
    if (wanted > depth) {
      history.replaceState({ depth }, "", location.href);
      while (depth < wanted) history.pushState({ depth: ++depth }, "", hash);
      written = hash;
      return;
    }
    timer = setTimeout(() => {
      if (wanted < depth) {
        leaving = true;
        history.go(wanted - depth);
      } else {
        written = hash;
        history.replaceState({ depth }, "", hash);
      }
    }, PAUSE_MS);
  }

  /** Handles back and forward, from the browser or from `keep`. */
  function went({ state }: PopStateEvent): void {
    if (state === null) return; // a pasted address: `changed` handles it
    const before = depth;
    depth = depthOf(state);
    written = location.hash;
    if (leaving) leaving = false;
    else if (depth < before) closeDownTo(depth);
    else if (depth > before) reopen();
    else app.restore(decodeAddress(written));
    keep();
  }

  function closeDownTo(open: number): void {
    batch(() => {
      while (app.panels.depth > open) app.closePanel();
    });
  }

  /** Reopen the entry's item. The address does not describe other panels. */
  function reopen(): void {
    const { item: id } = decodeAddress(location.hash);
    const item = id === undefined ? null : app.items.itemOf(id);
    if (item !== null) app.goTo(item);
  }

  /** Handles an address that was pasted into this page. */
  function changed(): void {
    if (location.hash === written) return;
    written = location.hash;
    depth = depthOf(history.state);
    app.restore(decodeAddress(written));
    keep();
  }
  page.addEventListener("popstate", went);
  page.addEventListener("hashchange", changed);
  const stop = effect(keep);

  return {
    moved: (next) => {
      view.value = next;
    },
    stop: () => {
      stop();
      clearTimeout(timer);
      page.removeEventListener("popstate", went);
      page.removeEventListener("hashchange", changed);
    },
  };
}

function depthOf(state: { readonly depth?: number } | null): number {
  return state?.depth ?? 0;
}
