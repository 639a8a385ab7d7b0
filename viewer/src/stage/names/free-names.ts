/** Chooses the names that are shown, so that no two names overlap. */
import type { Point } from "../stage";

export interface NameBox {
  readonly at: Point; // the middle
  readonly halfWidth: number;
  readonly halfHeight: number;
}

const CELL_PX = 128;

/**
 * Whether each name overlaps no shown name before it, and the shown names cover at most `areaPx`
 * square pixels. The first name is always shown. Null boxes are not shown.
 */
export function freeNames(
  boxes: readonly (NameBox | null)[],
  areaPx = Number.POSITIVE_INFINITY,
): boolean[] {
  const cells = new Map<string, NameBox[]>(); // shown names by the cells that they touch
  let coveredPx = 0;
  return boxes.map((box) => {
    if (!box) return false;
    const ownPx = 4 * box.halfWidth * box.halfHeight;
    if (coveredPx && coveredPx + ownPx > areaPx) return false;
    const own = cellsOf(box).map((key) => {
      const shown = cells.get(key) ?? [];
      cells.set(key, shown);
      return shown;
    });
    if (own.some((shown) => shown.some((other) => overlaps(box, other)))) return false;
    for (const shown of own) shown.push(box);
    coveredPx += ownPx;
    return true;
  });
}

function overlaps(one: NameBox, other: NameBox): boolean {
  return (
    Math.abs(one.at.x - other.at.x) < one.halfWidth + other.halfWidth &&
    Math.abs(one.at.y - other.at.y) < one.halfHeight + other.halfHeight
  );
}

function cellsOf({ at, halfWidth, halfHeight }: NameBox): string[] {
  const keys: string[] = [];
  const last = (value: number, half: number) => Math.floor((value + half) / CELL_PX);
  for (let x = last(at.x, -halfWidth); x <= last(at.x, halfWidth); x++) {
    for (let y = last(at.y, -halfHeight); y <= last(at.y, halfHeight); y++) keys.push(`${x} ${y}`);
  }
  return keys;
}
