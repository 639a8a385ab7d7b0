/** Tells when nothing but empty room is seen, for nobody is to be lost in it. */
import { effect } from "@preact/signals";
import type { App } from "./app";

const PAUSE_MS = 300; // once the view rests

export function watchEmptyView(app: App): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = effect(() => {
    // read, so that each change of these looks anew
    [app.navigation.viewMoves.value, app.navigation.itemChanges.value];
    clearTimeout(timer);
    timer = setTimeout(() => {
      app.navigation.viewIsEmpty.value = app.stage?.empty() ?? false;
    }, PAUSE_MS);
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}
