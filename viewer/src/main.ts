/** The viewer's entry: a page starts it by its setup, a notebook by `render`, a program by `mount`. */
import "./style.css";
import { mountViewer } from "./mount";
import type { Source } from "./source";
import { create } from "./stage/index";
import { startPage } from "./start";
import { makeRender } from "./widget";

/** Show a map in `element`; the answer takes it away again. */
export function mount(element: HTMLElement, source: Source): Promise<() => void> {
  return mountViewer(element, source, { makeStage: create, embedded: true });
}

export default { render: makeRender(create) };

void startPage(create);
