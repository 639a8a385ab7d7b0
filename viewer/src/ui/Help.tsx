/** What the mouse and the keys do, or where there are neither, the fingers. */
import { useEffect, useRef } from "preact/hooks";
import { useApp } from "./context";
import { IconButton } from "./controls";

const FLAT: readonly [string, string][] = [["Drag, wheel, pinch", "move and zoom"]];

const DEEP: readonly [string, string][] = [
  ["Drag", "turn the map; Shift + drag moves it"],
  ["Wheel, pinch", "zoom"],
];

const MOUSE: readonly [string, string][] = [
  ["Click an image", "open it; its neighbors lead on"],
  ["Shift + click", "add it to the selection, or take it out"],
  ["Shift + lasso", "add to the selection"],
  ["Click a class", "hide or show it"],
  ["Double click there", "show it alone, or all again"],
];

const DROP: readonly [string, string] = ["Drop an image", "see where it falls on the map"];

const TOUCH: readonly [string, string][] = [
  ["Two fingers", "move and zoom"],
  ["Double tap", "zoom in"],
  ["Tap an image", "open it; its neighbors lead on"],
  ["Lasso, rectangle", "draw around images to select them"],
  ["Tap a class", "hide or show it"],
  ["Double tap there", "show it alone, or all again"],
];

const KEYS: readonly [string, string][] = [
  ["← ↑ → ↓", "walk from image to image"],
  ["Shift + arrows", "move the map"],
  ["Enter, Space", "open, select the image one stands at"],
  ["+ − 0", "zoom in, out, show all"],
  ["1 2 3", "points, images, grid"],
  ["V L R", "drag moves, lasso, rectangle"],
  ["/", "find"],
  ["N, Shift + N", "next match, the one before"],
  ["[ ]", "back, forward through opened images"],
  ["B T", "legend, dark or light"],
  ["Esc", "close, clear"],
];

export function Help() {
  const app = useApp();
  const dialog = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);

  function close(): void {
    app.panels.helpOpen.value = false;
  }

  const deep = app.manifest.n_dimensions === 3;
  const mouse = [...(deep ? DEEP : FLAT), ...MOUSE, ...(app.source.place ? [DROP] : [])];
  const touch: [string, string][] = [["Drag", deep ? "turn the map" : "move the map"], ...TOUCH];
  const fingersOnly = window.matchMedia("(pointer: coarse) and (hover: none)").matches;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes as well
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes as well
    <div class="fs-veil" onClick={(event) => event.target === event.currentTarget && close()}>
      <div
        class="fs-panel fs-help"
        role="dialog"
        aria-modal="true"
        aria-label="Help"
        tabIndex={-1}
        ref={dialog}
        onKeyDown={(event) => keepFocus(event, dialog.current)}
      >
        <header class="fs-panel-head">
          <h2 class="fs-panel-title">{fingersOnly ? "Touch" : "Mouse and keys"}</h2>
          <IconButton icon="close" label="Close" shortcut="Escape" onClick={close} />
        </header>
        <div class="fs-help-columns">
          <Table rows={fingersOnly ? touch : mouse} />
          {!fingersOnly && <Table rows={KEYS} />}
        </div>
      </div>
    </div>
  );
}

/** The dialog has one button: the Tab key stays on it. */
function keepFocus(event: KeyboardEvent, dialog: HTMLElement | null): void {
  if (event.key !== "Tab") return;
  event.preventDefault();
  dialog?.querySelector("button")?.focus();
}

function Table({ rows }: { readonly rows: readonly (readonly [string, string])[] }) {
  return (
    <dl class="fs-help-list">
      {rows.map(([what, does]) => (
        <div key={what}>
          <dt>
            <kbd>{what}</kbd>
          </dt>
          <dd>{does}</dd>
        </div>
      ))}
    </dl>
  );
}
