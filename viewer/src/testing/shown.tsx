/** The viewer in an element of the document, removed after each test. */
import { render } from "preact";
import { afterEach, beforeEach } from "vitest";
import type { App } from "../state/app";
import { syncStage } from "../state/view/stage-sync";
import { listenKeys } from "../ui/keys";
import { Viewer } from "../ui/Viewer";
import { SilentStage, settled, smallApp } from "./small-map";

export let root: HTMLElement;
let stop = () => {};

beforeEach(() => {
  root = document.createElement("div");
  root.className = "featscape";
  document.body.append(root);
});

afterEach(() => {
  hide();
  root.remove();
});

/** Remove the map, so that another can be shown. */
export function hide(): void {
  stop();
  stop = () => {};
  render(null, root);
}

/** Show a small map. */
export async function shown(
  ...args: Parameters<typeof smallApp>
): Promise<{ app: App; calls: Map<string, unknown> }> {
  const app = smallApp(...args);
  const stage = new SilentStage();
  app.stage = stage;
  const stops = [syncStage(app, stage), listenKeys(app, root, root)];
  stop = () => {
    for (const each of stops) each();
  };
  render(<Viewer app={app} root={root} />, root);
  await settled();
  return { app, calls: stage.calls };
}

export function press(key: string, target: EventTarget = root, init: KeyboardEventInit = {}): void {
  target.dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...init }),
  );
}

export function button(label: string): HTMLButtonElement {
  const found = [...root.querySelectorAll("button")].find(
    (each) => each.getAttribute("aria-label") === label || each.textContent?.trim() === label,
  );
  if (!found) throw new Error(`no button ${label}`);
  return found;
}
