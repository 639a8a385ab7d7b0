/** Keeps the page's address and what is seen the same. */
import { effect, signal } from "@preact/signals";
import type { View } from "../stage";
import { decodeAddress, encodeAddress } from "./address";
import type { App } from "./app";
import { LABEL } from "./items";

// Browsers take offence at more than about 100 changes of the address in 30 s.
const PAUSE_MS = 400;

export interface AddressSync {
  /** The view has moved. */
  moved(view: View): void;
  stop(): void;
}

/**
 * An open panel is an entry of the browser's history, the map without one the entry before it: the
 * browser's Back closes the panel, as a phone's users expect, and does not leave the map.
 */
export function syncAddress(app: App, page: Window = window): AddressSync {
  const { history, location } = page;
  const view = signal<View | null>(null);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let written = location.hash;
  let leaving = false;

  function address(): string {
    return `#${encodeAddress({
      ...(view.value && { view: view.value }),
      mode: app.mode.value,
      ...(app.colorBy.value !== LABEL && { colorBy: app.colorBy.value }),
      filters: app.filters.value,
      ...(app.item.value !== null && { item: app.items.id(app.item.value) }),
      query: app.query.value.trim(),
      theme: app.themeChoice.value,
    })}`;
  }

  function keep(): void {
    const hash = address();
    const isOpen = app.panel.value !== null;
    clearTimeout(timer);
    if (isOpen && !isOfPanel(history.state)) {
      history.replaceState({ panel: false }, "", location.href);
      history.pushState({ panel: true }, "", hash);
      written = hash;
      return;
    }
    timer = setTimeout(() => {
      leaving = !isOpen && isOfPanel(history.state);
      if (leaving)
        history.back(); // `went` keeps the address then
      else {
        written = hash;
        history.replaceState(history.state, "", hash);
      }
    }, PAUSE_MS);
  }

  /** Back or forward, by the browser or by `keep`. */
  function went({ state }: PopStateEvent): void {
    if (state === null) return; // a pasted address, of which `changed` hears
    written = location.hash;
    if (leaving) leaving = false;
    else if (isOfPanel(state)) app.restore(decodeAddress(written));
    else if (app.panel.value !== null) app.closePanel();
    keep();
  }

  /** Someone pasted another address into this very page. */
  function changed(): void {
    if (location.hash !== written) app.restore(decodeAddress(location.hash));
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

function isOfPanel(state: { readonly panel?: boolean } | null): boolean {
  return state?.panel === true;
}
