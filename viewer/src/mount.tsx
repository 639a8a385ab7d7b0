/** Mounts the viewer in an element: reads the bundle, creates the stage, renders the panels. */
import type { ReadonlySignal } from "@preact/signals";
import { render } from "preact";
import { countBytes, loadArrays } from "./bundle/arrays";
import { Thumbnails } from "./bundle/thumbnails";
import type { Source } from "./source";
import { inPieces } from "./sources/progress";
import type { ClearArea, PointRenderer, Stage, StageEvents, StageOptions } from "./stage/index";
import { decodeAddress } from "./state/address/address";
import { AddressSync } from "./state/address/address-sync";
import { restore } from "./state/address/restore";
import { App } from "./state/app";
import { watchChecks } from "./state/findings/checks";
import { Items } from "./state/items/items";
import { runSearch } from "./state/search/search";
import { watchSelections } from "./state/selections/named-selections";
import { watchEmptyView } from "./state/view/empty-view";
import { STAGE_THEMES, syncStage } from "./state/view/stage-sync";
import { countText } from "./state/wording/words";
import { listenKeys } from "./ui/keys";
import { type StartScreen, showLoading } from "./ui/start-screen";
import { watchTheme } from "./ui/theme";
import { Viewer } from "./ui/Viewer";

export type MakeStage = (options: StageOptions) => Promise<Stage>;

export interface MountOptions {
  readonly makeStage: MakeStage;
  /** True in a notebook: the page's address and keys are then not used. */
  readonly embedded?: boolean;
  readonly points?: PointRenderer;
}

const SIDEBAR_FROM_PX = 720; // the same as in narrow.css

/** Show a map in `root`. Returns a function that removes the map. */
export async function mountViewer(
  root: HTMLElement,
  source: Source,
  options: MountOptions,
): Promise<() => void> {
  const theme = watchTheme(options.embedded ?? false);
  const ends: (() => void)[] = [theme.stop];
  const end = () => {
    for (const each of ends.reverse()) each();
    root.replaceChildren();
  };
  root.classList.add("featscape");
  root.dataset["theme"] = theme.prefersDark.value ? "dark" : "light";
  const loading = showLoading(root, source.manifest.title);
  try {
    await startViewer(root, source, options, { ends, loading, prefersDark: theme.prefersDark });
    return end;
  } catch (error) {
    end();
    throw error;
  }
}

interface Start {
  /** The functions that end the viewer's parts, in the order of their start. */
  readonly ends: (() => void)[];
  readonly loading: StartScreen;
  readonly prefersDark: ReadonlySignal<boolean>;
}

async function startViewer(
  root: HTMLElement,
  source: Source,
  { makeStage, embedded = false, points = "auto" }: MountOptions,
  { ends, loading, prefersDark }: Start,
): Promise<void> {
  const { manifest } = source;
  const stageElement = makeStageElement(manifest);
  const panels = document.createElement("div");
  panels.className = "fs-panels";
  root.prepend(stageElement, panels);

  const arrays = await loadArrays(withProgress(source, loading.progress));
  const thumbnails = new Thumbnails(source);
  const app = new App(new Items(source, arrays, thumbnails), {
    embedded,
    prefersDark,
    size: () => ({ width: stageElement.clientWidth, height: stageElement.clientHeight }),
    clearArea: () => clearArea(root),
    storage: browserStorage(),
  });
  const shared = embedded ? {} : decodeAddress(window.location.hash);
  restore(app, shared);

  const address = embedded ? null : new AddressSync(app);
  ends.push(() => address?.stop());
  const events = stageEvents(app, (view) => address?.moved(view));
  const theme = STAGE_THEMES[app.theme.value];
  const stage = await makeStage({
    element: stageElement,
    manifest,
    arrays,
    thumbnails,
    theme,
    events,
    points,
  });
  ends.push(() => stage.destroy());
  app.stage = stage;

  ends.push(
    app.theme.subscribe((name) => {
      root.dataset["theme"] = name;
    }),
  );
  ends.push(syncStage(app, stage), runSearch(app), watchSelections(app), watchChecks(app));
  ends.push(listenKeys(app, root, stageElement));
  leaveCursor(app, stageElement);
  ends.push(watchSize(app, root), watchEmptyView(app));
  render(<Viewer app={app} root={root} />, panels);
  ends.push(() => render(null, panels));
  if (shared.view && !shared.showsAll) stage.setView(shared.view);
  else app.navigation.fit(undefined, false);
  loading.remove();
  thumbnails.troubled = app.messages.temporaryError();
  source.watch?.(app.messages.temporaryError());
}

/** The browser's storage; null where it is blocked, as in some notebooks. */
function browserStorage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

/** Adapts to the size of the page. Closes a sidebar that would leave no room for the map. */
function watchSize(app: App, root: HTMLElement): () => void {
  let wide = root.clientWidth >= SIDEBAR_FROM_PX;
  app.panels.sidebarOpen.value = wide;
  const observer = new ResizeObserver(() => {
    if (wide !== root.clientWidth >= SIDEBAR_FROM_PX) {
      wide = !wide;
      app.panels.sidebarOpen.value = wide;
    }
    app.navigation.resized(false);
  });
  observer.observe(root);
  const stops = [
    app.panels.side.subscribe((panel) => {
      // with a query, the sidebar shows only the search field
      const isShort = panel !== "selection" && app.search.query.peek() !== "";
      if (panel !== null && !wide && !isShort) app.panels.sidebarOpen.value = false;
    }),
    app.panels.side.subscribe(() => app.navigation.resized(true)),
    app.panels.sidebarOpen.subscribe(() => app.navigation.resized(true)),
  ];
  return () => {
    observer.disconnect();
    for (const stop of stops) stop();
  };
}

function makeStageElement({ title, n_items }: Source["manifest"]): HTMLElement {
  const element = document.createElement("div");
  element.className = "fs-stage";
  element.tabIndex = 0;
  element.setAttribute("role", "application");
  element.setAttribute(
    "aria-label",
    `Map of ${countText(n_items)} items: ${title}. Arrow keys move from item to item, Enter opens an item, question mark lists all keys.`,
  );
  return element;
}

/** Close the card of the keyboard when the mouse, a finger or the wheel is used on the map. */
function leaveCursor(app: App, stage: HTMLElement): void {
  const leave = () => {
    app.navigation.cursor.value = null;
  };
  stage.addEventListener("pointerdown", leave);
  stage.addEventListener("wheel", leave, { passive: true });
  stage.addEventListener("pointermove", ({ movementX, movementY }) => {
    // browsers repeat the event for a pointer at rest when the page changes below the pointer
    if (movementX !== 0 || movementY !== 0) leave();
  });
}

function stageEvents(app: App, moved: StageEvents["view"]): StageEvents {
  return {
    hover(item, at, region) {
      app.navigation.hover.value = item === null ? null : { item, at, region };
    },
    click(item, mode) {
      app.navigation.hover.value = null;
      if (item === null) app.closePanel();
      else if (mode === "add") app.toggleSelected(item);
      else if (mode === "subtract") app.select(Uint32Array.of(item), mode);
      else app.goTo(item);
    },
    view(view) {
      app.navigation.hover.value = null;
      app.navigation.viewMoves.value++;
      moved(view);
    },
    selected: (items, mode) => app.select(items, mode),
    context: (lost) => {
      app.messages.contextLost.value = lost;
    },
  };
}

/** Reports the progress of reading the files that the first frame needs. */
function withProgress(source: Source, progress: (share: number) => void): Source {
  const { positions, ids, class_codes } = source.manifest;
  const sizes = new Map<string, number>();
  for (const array of [positions, ids, class_codes]) {
    if (array) sizes.set(array.file, countBytes(array));
  }
  const total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  let here = 0;
  return inPieces(source, sizes, (bytes) => {
    here += bytes;
    progress(here / total);
  });
}

/** The area between the left and right panels and above the toolbar; on a phone, below the title. */
function clearArea(root: HTMLElement): ClearArea {
  const all = root.getBoundingClientRect();
  let [left, right, top, bottom] = [0, all.width, 0, all.height];
  for (const panel of root.querySelectorAll(".fs-sidebar, .fs-side, .fs-toolbar")) {
    const box = panel.getBoundingClientRect();
    if (box.width > all.width * 0.7) {
      if (box.top - all.top > all.height / 4) bottom = Math.min(bottom, box.top - all.top);
      else top = Math.max(top, box.bottom - all.top);
    } else if (panel.matches(".fs-sidebar")) left = Math.max(left, box.right - all.left);
    else if (panel.matches(".fs-side")) right = Math.min(right, box.left - all.left);
    else bottom = Math.min(bottom, box.top - all.top);
  }
  const title = root.querySelector(".fs-sidebar-closed");
  if (title && all.width < SIDEBAR_FROM_PX)
    top = Math.max(top, title.getBoundingClientRect().bottom - all.top);
  // panels that cover nearly everything are ignored
  if (bottom - top < 80) [top, bottom] = [0, all.height];
  const button = root.querySelector(".fs-findings-button")?.getBoundingClientRect();
  const corner =
    button && button.bottom - all.top > top
      ? { left: button.left - all.left, bottom: button.bottom - all.top }
      : null;
  return { left, right, top, bottom, corner };
}
