/** The names of the classes and regions that are written on the map. */
import type { Manifest } from "../../contract";
import type { MapName } from "../../stage";
import { classColor, nameColor, type ThemeName } from "../colors/class-colors";

const SMALLEST_PX = 12;
const LARGEST_PX = 19; // of the largest cluster
const FEW_ITEMS = 4; // a name on a cluster of few items would hide the items
/** The regions of a level have half the side of those before: they are shown at twice the zoom. */
const ZOOM_PER_LEVEL = 2;
const FIRST_ZOOM = 0.8; // of the regions of level 0; the whole map with its margins has about 0.9
const SMALLER = 0.85; // size of the names of regions of the next level, of equal numbers of items

/** A size in pixels for a number of items: the largest for the most items of all names. */
function sizes(names: readonly { readonly n_items: number }[]) {
  const most = Math.max(1, ...names.map((name) => name.n_items));
  return (n_items: number, largestPx: number) =>
    Math.round(SMALLEST_PX + Math.max(largestPx - SMALLEST_PX, 0) * Math.sqrt(n_items / most));
}

export function hasNames({ names, regions }: Pick<Manifest, "names" | "regions">): boolean {
  return names.length + regions.length > 0;
}

/**
 * The names of the classes that are not hidden, in shades of the colors of the classes, or in the
 * color `ink`, for a map that is colored by another column.
 */
export function mapNames(
  { names, classes }: Pick<Manifest, "names" | "classes">,
  hidden: ReadonlySet<number>,
  theme: ThemeName,
  ink: string | null,
): MapName[] {
  const size = sizes(names);
  return names.flatMap(({ item, code, n_items }) => {
    const entry = classes?.[code];
    if (!entry || hidden.has(code)) return [];
    return {
      item,
      text: entry.name,
      isAbove: n_items <= FEW_ITEMS,
      color: ink ?? nameColor(classColor(entry.color, theme), theme),
      sizePx: size(n_items, LARGEST_PX),
      fromZoom: 0,
      region: null,
    };
  });
}

/**
 * The names of the regions, in the color `ink`. A map with names of classes shows the names of
 * regions only when it is enlarged.
 */
export function regionNames(
  { names, regions }: Pick<Manifest, "names" | "regions">,
  ink: string,
): MapName[] {
  const first = names.length > 0 ? 1 : 0;
  const size = sizes(regions);
  return regions.map((region) => {
    const { item, name, level, n_items } = region;
    const shown = Math.max(level, first);
    return {
      item,
      text: name,
      isAbove: n_items <= FEW_ITEMS,
      color: ink,
      sizePx: size(n_items, (LARGEST_PX - 2) * SMALLER ** shown),
      fromZoom: shown === 0 ? 0 : FIRST_ZOOM * ZOOM_PER_LEVEL ** shown,
      region,
    };
  });
}
