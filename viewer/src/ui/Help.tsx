/** Lists what the mouse, the keys and, on a touch screen, the fingers do. */
import { useEffect, useRef } from "preact/hooks";
import type { App } from "../state/app";
import { hasNames } from "../state/view/map-names";
import type { Noun } from "../state/wording/nouns";
import { useApp } from "./context";
import { IconButton } from "./controls/controls";
import { searchLabel } from "./sidebar/SearchBox";
import { MODES } from "./Toolbar";

const FLAT: readonly [string, string][] = [["Drag, wheel, pinch", "move and zoom"]];

const DEEP: readonly [string, string][] = [
  ["Drag", "turn the map; Shift + drag moves it"],
  ["Wheel, pinch", "zoom"],
];

const mouseRows = (noun: Noun): [string, string][] => [
  [`Click an ${noun}`, "open it and see its neighbors"],
  ["Shift + click", "add it to the selection, or remove it"],
  ["Shift + lasso", "add to the selection; Alt or Ctrl removes"],
  ["Click a class", "hide or show it"],
  ["Double-click a class", "show only that class, or all again"],
  ["Drag over a chart", "show only this range; click again to show all"],
];

const DROP: readonly [string, string] = ["Drop an image", "place it on the map"];

const touchRows = (noun: Noun): [string, string][] => [
  ["Two fingers", "move and zoom"],
  ["Double-tap", "zoom in"],
  [`Tap an ${noun}`, "open it and see its neighbors"],
  ["Lasso, rectangle", `draw around ${noun}s to select them`],
  ["Tap a class", "hide or show it"],
  ["Double-tap a class", "show only that class, or all again"],
  ["Drag over a chart", "show only this range; tap again to show all"],
];

/** The rows about keys; some depend on the map. */
function keyRows({
  modes,
  manifest,
  source,
  hasImages,
  noun,
  searchesContent,
}: App): [string, string][] {
  const names = modes.map((mode) => MODES[mode]);
  const searches = searchLabel(manifest, searchesContent) !== null;
  return [
    ["← ↑ → ↓", `go to the next ${noun} in that direction`],
    ["Shift + arrows", "move the map"],
    ["Enter, Space", `open or select the current ${noun}`],
    ["+ − 0", "zoom in, zoom out, show all"],
    ...(names.length > 1
      ? [pair(names.map(({ key }) => key).join(" "), names.map(({ label }) => label).join(", "))]
      : []),
    ["V L R", `drag ${manifest.n_dimensions === 3 ? "turns" : "moves"} the map, lasso, rectangle`],
    ...(searches || source.search
      ? [
          [
            "/",
            "find text, “a phrase”, column:value or column:3..5, OR, -word; Enter goes to the list",
          ] as [string, string],
          pair("N, Shift + N", "next match, previous match"),
        ]
      : []),
    ...(hasImages ? [pair("C", "crop images to squares")] : []),
    ...(hasNames(manifest) ? [pair("M", "names on the map")] : []),
    ["A", "select what is shown"],
    ["F", "findings"],
    ["J K", `next, previous finding or found ${noun}`],
    ["Y U", "check the given label, the suggested label as correct"],
    ["[ ]", `back, forward through the opened ${noun}s`],
    ["B T", "sidebar, dark or light"],
    ["Esc", "leave the search field; then end the search, close the panel or clear the selection"],
  ];
}

function pair(keys: string, action: string): [string, string] {
  return [keys, action.toLowerCase()];
}

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
  const mouse = [
    ...(deep ? DEEP : FLAT),
    ...mouseRows(app.noun),
    ...(app.source.place ? [DROP] : []),
  ];
  const touch: [string, string][] = [
    ["Drag", deep ? "turn the map" : "move the map"],
    ...touchRows(app.noun),
  ];
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
          {!fingersOnly && <Table rows={keyRows(app)} />}
        </div>
        {app.hasImages && (
          <p class="fs-note fs-muted">
            An image grows into the free room around it: its size on the map means nothing.
          </p>
        )}
      </div>
    </div>
  );
}

/** The dialog has one button, so the Tab key stays on it. */
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
