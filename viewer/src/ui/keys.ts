/** Keyboard shortcuts, outside of text fields and lists. */

import { on } from "../events";
import type { Direction, Tool } from "../stage/index";
import type { ViewMode } from "../state/address/address";
import type { App } from "../state/app";
import { ZOOM_STEP } from "./Toolbar";

const PAN_PX = 80; // per press of an arrow key with Shift

const ARROWS = {
  ArrowLeft: { direction: "left", dx: PAN_PX, dy: 0 },
  ArrowRight: { direction: "right", dx: -PAN_PX, dy: 0 },
  ArrowUp: { direction: "up", dx: 0, dy: PAN_PX },
  ArrowDown: { direction: "down", dx: 0, dy: -PAN_PX },
} as const;

/** Move the cursor to the next item; an open item panel follows. */
function walkMap(app: App, direction: Direction): void {
  const from = app.navigation.cursor.value ?? app.panels.item.value;
  const item = app.stage?.next(from, direction) ?? null;
  if (item === null) return;
  app.navigation.hover.value = null;
  app.navigation.cursor.value = item;
  if (app.panels.side.value === "item") app.panels.openItem(item);
  app.navigation.reveal(item);
  app.items.path(item).then(
    (path) => {
      if (app.navigation.cursor.value !== item) return;
      app.messages.announce([app.items.classOf(item)?.name, path].filter(Boolean).join(", "));
    },
    (error) => console.warn(`no path of item ${app.items.id(item)}: ${error}`),
  );
}

/** The action of each key. */
function actions(app: App, root: HTMLElement): Readonly<Record<string, () => void>> {
  const mode = (name: ViewMode) => () => {
    if (app.modes.includes(name)) app.mode.value = name;
  };
  const tool = (name: Tool) => () => {
    app.tool.value = name;
  };
  return {
    "+": () => app.stage?.zoom(ZOOM_STEP),
    "=": () => app.stage?.zoom(ZOOM_STEP),
    "-": () => app.stage?.zoom(1 / ZOOM_STEP),
    "0": () => app.navigation.fit(),
    "1": mode("points"),
    "2": mode("images"),
    "3": mode("grid"),
    v: tool("pan"),
    l: tool("lasso"),
    r: tool("rectangle"),
    t: () => app.toggleTheme(),
    a: () => void app.selectShown(),
    c: () => {
      if (app.hasImages) app.cropped.value = !app.cropped.value;
    },
    m: () => {
      app.namesShown.value = !app.namesShown.value;
    },
    b: () => {
      app.panels.sidebarOpen.value = !app.panels.sidebarOpen.value;
    },
    "[": () => app.step(-1),
    "]": () => app.step(1),
    f: () => app.toggleFindings(),
    j: () => app.lists.step(1),
    k: () => app.lists.step(-1),
    y: () => app.checkShown(false),
    u: () => app.checkShown(true),
    n: () => app.search.step(1),
    N: () => app.search.step(-1),
    "?": () => {
      app.panels.helpOpen.value = !app.panels.helpOpen.value;
    },
    "/": () => {
      app.panels.sidebarOpen.value = true;
      const field = () => root.querySelector<HTMLInputElement>("[data-search]");
      // before the next key, so that the first letters are not read as shortcuts
      if (field()) field()?.focus();
      else queueMicrotask(() => field()?.focus()); // after the sidebar is rendered
    },
  };
}

/** Listen for keys on the page, or in a notebook on the map. Returns a function that stops. */
export function listenKeys(app: App, root: HTMLElement, stage: HTMLElement): () => void {
  const target: EventTarget = app.surroundings.embedded ? root : document;
  const byKey = actions(app, root);

  /** The item under the cursor, or the current one of the search or of the findings. */
  function current(): number | null {
    return app.navigation.cursor.value ?? app.lists.current;
  }

  /**
   * Open the chosen section or the current item, or the first of the open list. Returns false if
   * there is nothing to open.
   */
  function openCurrent(): boolean {
    if (app.lists.showsSections && app.findings.chosenSection) {
      app.openFindings(app.findings.chosenSection.name);
      return true;
    }
    if (current() === null) app.lists.chooseFirst();
    const item = current();
    if (item !== null) app.goTo(item);
    return item !== null;
  }

  function onEnter(): boolean {
    if (app.navigation.cursor.value !== null) return openCurrent();
    let isUsed = true; // also if the list must be read before
    app.lists.whenComplete(() => {
      isUsed = openCurrent();
    });
    return isUsed;
  }

  function onMap(event: KeyboardEvent): boolean {
    const arrow = ARROWS[event.key as keyof typeof ARROWS];
    if (arrow && event.shiftKey) app.stage?.pan(arrow.dx, arrow.dy);
    else if (arrow) walkMap(app, arrow.direction);
    else if (event.key === "Enter") return onEnter();
    else if (event.key === " " && app.navigation.cursor.value !== null)
      app.toggleSelected(app.navigation.cursor.value);
    else return false;
    return true;
  }

  function onKeyDown(raw: Event): void {
    const event = raw as KeyboardEvent;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const at = event.target as HTMLElement;
    if (event.key === "Escape" && at.closest?.("[data-search]")) {
      stage.focus();
      event.preventDefault(); // browsers empty the field
    } else if (event.key === "Escape") {
      app.escape();
      if (!root.contains(document.activeElement)) stage.focus();
    } else if (at.closest?.("input, select, textarea, [contenteditable]")) return;
    else if ((at === stage || at === document.body) && onMap(event)) event.preventDefault();
    else {
      const action = byKey[event.key] ?? byKey[event.key.toLowerCase()];
      // a key that is held would check labels that nobody has seen
      if (!action || (event.repeat && "yu".includes(event.key.toLowerCase()))) return;
      action();
      // Enter opens the current item then, and does not press a button or choose a class again
      if ("jkyu".includes(event.key.toLowerCase())) stage.focus();
      event.preventDefault();
    }
    event.stopPropagation();
  }

  return on(target, "keydown", onKeyDown);
}
