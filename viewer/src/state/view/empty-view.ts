/** Detects a view without items, or without images, so that the page can offer a way back. */
import { effect } from "@preact/signals";
import type { App } from "../app";

const PAUSE_MS = 300; // after the last move

export function watchEmptyView({ navigation }: App): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = effect(() => {
    // read here, so that the effect runs again after each change
    [navigation.viewMoves.value, navigation.itemChanges.value];
    clearTimeout(timer);
    timer = setTimeout(() => {
      navigation.viewIsEmpty.value = navigation.stage?.empty() ?? false;
      navigation.imagesTooSmall.value = navigation.stage?.imagesTooSmall() ?? false;
    }, PAUSE_MS);
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}
