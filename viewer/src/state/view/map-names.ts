/** The names of the classes that are written on the map. */
import type { Manifest } from "../../contract";
import type { MapName } from "../../stage";
import { classColor, nameColor, type ThemeName } from "../colors/class-colors";

const SMALLEST_PX = 12;
const LARGEST_PX = 19; // of the largest cluster
const MOST_LETTERS = 24;
const FEW_ITEMS = 4; // a name on a cluster of few items would hide the items

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
  const most = Math.max(1, ...names.map((name) => name.n_items));
  return names.flatMap(({ item, code, n_items }) => {
    const entry = classes?.[code];
    if (!entry || hidden.has(code)) return [];
    const share = Math.sqrt(n_items / most);
    return {
      item,
      text: shortened(entry.name),
      isAbove: n_items <= FEW_ITEMS,
      color: ink ?? nameColor(classColor(entry.color, theme), theme),
      sizePx: Math.round(SMALLEST_PX + (LARGEST_PX - SMALLEST_PX) * share),
    };
  });
}

function shortened(name: string): string {
  const letters = [...name];
  if (letters.length <= MOST_LETTERS) return name;
  const end = MOST_LETTERS / 4;
  const start = letters.slice(0, MOST_LETTERS - end - 1);
  return `${start.join("").trimEnd()}…${letters.slice(-end).join("").trimStart()}`;
}
