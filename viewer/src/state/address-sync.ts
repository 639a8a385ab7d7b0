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

export function syncAddress(app: App, page: Window = window): AddressSync {
  const view = signal<View | null>(null);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let written = page.location.hash;

  const stop = effect(() => {
    const hash = `#${encodeAddress({
      ...(view.value && { view: view.value }),
      mode: app.mode.value,
      ...(app.colorBy.value !== LABEL && { colorBy: app.colorBy.value }),
      filters: app.filters.value,
      ...(app.item.value !== null && { item: app.items.id(app.item.value) }),
      query: app.query.value.trim(),
      theme: app.themeChoice.value,
    })}`;
    clearTimeout(timer);
    timer = setTimeout(() => {
      written = hash;
      page.history.replaceState(page.history.state, "", hash);
    }, PAUSE_MS);
  });

  /** Someone pasted another address into this very page. */
  function changed(): void {
    if (page.location.hash !== written) app.restore(decodeAddress(page.location.hash));
  }
  page.addEventListener("hashchange", changed);

  return {
    moved: (next) => {
      view.value = next;
    },
    stop: () => {
      stop();
      clearTimeout(timer);
      page.removeEventListener("hashchange", changed);
    },
  };
}
