/** Passes the state to the stage whenever it changes. */
import { effect, untracked } from "@preact/signals";
import { NO_CATEGORY } from "../../contract";
import type { MapName, Stage, Theme } from "../../stage";
import type { App } from "../app";
import { classColor, type ThemeName } from "../colors/class-colors";
import { columnScale, evenScale, numberCodes, numberPalette } from "../colors/scale";
import { type Filters, fadeAbove, fadeOthers, itemStates, type Values } from "../filters/filters";
import { shownByCode } from "../filters/hiding";
import { FALSE_FRIENDS, MOST_FALSE } from "../findings/findings";
import { LABEL } from "../items/items";
import { mapNames, regionNames } from "./map-names";
import type { Highlight } from "./navigation";

export const STAGE_THEMES: Readonly<Record<ThemeName, Theme>> = {
  light: { background: "#f7f7f5", highlight: "#16181d" },
  dark: { background: "#101216", highlight: "#ffffff" },
};

interface Coloring {
  readonly codes: Uint16Array<ArrayBuffer>;
  readonly palette: readonly string[];
}

/** The palette and the palette index of each item, for the column that colors the map. */
function coloring(app: App, name: string, values: Values | null, theme: ThemeName): Coloring {
  const column = app.manifest.columns.find((each) => each.name === name);
  const isScale = name !== LABEL && (column?.kind === "number" || column?.kind === "date");
  if (isScale && values && !(values instanceof Uint16Array)) {
    const scale = columnScale(column, values);
    return {
      codes: numberCodes(values, scale, NO_CATEGORY),
      palette: numberPalette(theme, scale.diverging),
    };
  }
  const entries = name === LABEL ? app.manifest.classes : null;
  const categories = entries ?? (column?.kind === "category" ? column.categories : []);
  const codes =
    values instanceof Uint16Array
      ? new Uint16Array(values)
      : new Uint16Array(app.items.count).fill(NO_CATEGORY);
  return { codes, palette: categories.map((each) => classColor(each.color, theme)) };
}

/** The classes of which the filters hide all items. */
function hiddenClasses(app: App): Set<number> {
  const codes = app.columns.value.get(LABEL);
  const classes = app.manifest.classes ?? [];
  if (!(codes instanceof Uint16Array)) return new Set();
  const counts = shownByCode(codes, NO_CATEGORY + 1, app.hiding.value, null);
  return new Set(counts ? classes.flatMap((_, code) => (counts[code] === 0 ? [code] : [])) : []);
}

/** The names on the map; none if they are switched off. */
function namesOf(app: App): MapName[] {
  if (!app.namesShown.value) return [];
  const hidden = hiddenClasses(app);
  const { highlight } = STAGE_THEMES[app.theme.value];
  const byLabel = app.colorBy.value === LABEL && app.search.coloring === null;
  const classes = mapNames(app.manifest, hidden, app.theme.value, byLabel ? null : highlight);
  return [...classes, ...regionNames(app.manifest, highlight)];
}

/** The highlighted class; null if it is hidden, because then all shown items would be faded. */
function seenHighlight(highlight: Highlight | null, filters: Filters): Highlight | null {
  const filter = highlight && filters.get(highlight.column);
  const isHidden = filter?.kind === "codes" && filter.hidden.has(highlight?.code ?? -1);
  return isHidden ? null : highlight;
}

/** Change the layout. If the grid cannot be read, the map stays; a later press reads it again. */
async function lay(app: App, stage: Stage): Promise<void> {
  try {
    await stage.setLayout(app.mode.value === "grid" ? "grid" : "map");
    app.navigation.itemChanges.value++;
    // the whole grid has another shape than the map, and the button in the corner must cover no item
    if (app.navigation.showsAll) app.navigation.fit();
  } catch (error) {
    if (app.mode.value === "grid") app.mode.value = app.hasImages ? "images" : "points";
    throw error;
  }
}

/** The columns that color, filter or highlight items, or have an open chart. */
function wantedColumns(app: App): Set<string> {
  const wanted = new Set(app.filters.value.keys());
  // the names on the map are those of the shown classes
  if (wanted.size > 0 && app.namesShown.value && app.manifest.names.length > 0) wanted.add(LABEL);
  if (app.colorBy.value !== LABEL || app.manifest.classes !== null) wanted.add(app.colorBy.value);
  if (app.panels.sidebarOpen.value) {
    for (const name of app.facets) if (app.openFacets.value.has(name)) wanted.add(name);
  }
  const highlighted = app.navigation.highlight.value?.column;
  if (highlighted !== undefined) wanted.add(highlighted);
  if (app.findings.fadesFalseFriends.value) wanted.add(FALSE_FRIENDS);
  return wanted;
}

export function syncStage(app: App, stage: Stage): () => void {
  const { columns } = app;
  const untouched = app.selection.items.peek();

  const stops = [
    effect(() => {
      const wanted = wantedColumns(app);
      untracked(() => void app.readColumns(wanted));
    }),
    effect(() => {
      const found = app.search.coloring;
      if (found) {
        const codes = numberCodes(found.scores, evenScale(...found.range), NO_CATEGORY);
        stage.setColors(codes, numberPalette(app.theme.value));
        return;
      }
      const name = app.colorBy.value;
      const values = columns.value.get(name) ?? null;
      const unlabelled = name === LABEL && app.manifest.classes === null;
      if (!values && !unlabelled) return; // keep the old colors until the new column has been read
      const { codes, palette } = coloring(app, name, values, app.theme.value);
      stage.setColors(codes, palette);
    }),
    effect(() => {
      const emphasis = { matches: app.lists.highlighted, selection: app.selection.items.value };
      const filters = app.filters.value;
      const highlight = seenHighlight(app.navigation.highlight.value, filters);
      const codes = highlight && columns.value.get(highlight.column);
      const searched = emphasis.matches !== null || emphasis.selection.length > 0;
      const fades = app.lists.highlightsSection && app.findings.fadesFalseFriends.value;
      const friends = fades ? columns.value.get(FALSE_FRIENDS) : undefined;
      if (filters.size === 0 && !searched && !codes && !friends) stage.setStates(null);
      else {
        const states = itemStates(app.items.count, app.hiding.value?.hidden ?? null, emphasis);
        if (codes) fadeOthers(states, codes, highlight.code);
        if (friends) fadeAbove(states, friends, MOST_FALSE);
        stage.setStates(states);
      }
      app.navigation.itemChanges.value = app.navigation.itemChanges.peek() + 1;
    }),
    effect(() => {
      void app.messages.attempt(lay(app, stage));
      const images = app.mode.value !== "points" && app.hasImages;
      stage.setDrawing(images ? "images" : "points");
    }),
    effect(() => stage.setTheme(STAGE_THEMES[app.theme.value])),
    effect(() => stage.setTool(app.tool.value)),
    effect(() => stage.setCropped(app.cropped.value)),
    effect(() => stage.setNames(namesOf(app))),
    ...syncMarks(app, stage),
    effect(() => {
      const placed = app.panels.placed.value;
      stage.setMarker(placed?.position ?? null, placed?.image ?? null);
    }),
    app.selection.items.subscribe((selection) => {
      if (selection === untouched) return; // Python may have selected before
      app.source.select?.(selection.map((item) => app.items.id(item)));
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Pass the focused item, and the lines and rings around it. */
function syncMarks(app: App, stage: Stage): (() => void)[] {
  return [
    effect(() =>
      stage.setFocus(
        app.navigation.hoveredInPanel.value ??
          app.navigation.cursor.value ??
          app.panels.item.value ??
          app.lists.current,
      ),
    ),
    effect(() => {
      const { from, to } = linksOf(app);
      stage.setLinks(from, to);
    }),
  ];
}

/** The lines of the open panel; if the panel has none, the lines of the item in the card. */
function linksOf(app: App): { from: Parameters<Stage["setLinks"]>[0]; to: readonly number[] } {
  const { side, item, placed, neighbors } = app.panels;
  const torn = app.navigation.torn.value;
  const found = app.findings.links.value;
  if (side.value === "findings" && found.to.length > 0) return found;
  if (side.value === "found") return { from: null, to: [...app.search.listed.value.byContent] };
  if (neighbors.value.length === 0 && torn) return { from: torn.item, to: torn.elsewhere };
  const from = side.value === "placed" ? (placed.value?.position ?? null) : item.value;
  return { from, to: neighbors.value };
}
