/** The viewer's entry: a page starts it by its setup, a notebook by `render`, a program by `mount`. */
import "./style.css";
import type { Source } from "./source";

/** Show a map in `element`; the answer takes it away again. */
export async function mount(element: HTMLElement, source: Source): Promise<() => void> {
  element.classList.add("featscape");
  element.dataset["title"] = source.manifest.title;
  return () => element.classList.remove("featscape");
}
