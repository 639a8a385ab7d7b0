/** Finds items under the pointer, inside a lasso, and next to another item. */
import type { Size } from "../camera/projection";
import { flatten, type Layout } from "../layout/positions";
import { type Region, regionAround, regionOf, viewAxes } from "../layout/region";
import { type Area, type Direction, HIDDEN, type Point, type View } from "../stage";

// The search for the next item begins within this distance, and doubles the distance.
const FIRST_REACH_PX = 32;
const LEAST_STEP_PX = 0.25; // items nearer than this are at the same position
const MOST_DIAGONALS = 64; // the search ends at this many diagonals of the stage

/** The items of a layout that may be on the stage. */
export interface Scope {
  readonly layout: Layout;
  readonly states: Uint8Array | null;
  readonly view: View;
  readonly size: Size; // of the stage
}

/** The stage pixels within `reach` of a stage position, as a square. */
function squareAround({ x, y }: Point, reach: number): Area {
  return { left: x - reach, right: x + reach, top: y - reach, bottom: y + reach };
}

/** Call `visit` with each visible item of a region and its position on the view plane. */
function visitItems(
  { layout, states, view }: Scope,
  region: Region,
  visit: (item: number, u: number, v: number) => void,
): void {
  const { positions, dimensions } = layout;
  const plane = viewAxes(view);
  const [right, up] = plane;
  layout.chunks.visit(region, plane, (start, end) => {
    for (let item = start; item < end; item++) {
      if (states && states[item]! & HIDDEN) continue;
      const x = positions[item * dimensions]!;
      const y = positions[item * dimensions + 1]!;
      const z = dimensions === 3 ? positions[item * 3 + 2]! : 0;
      const u = right[0] * x + right[1] * y + right[2] * z;
      const v = up[0] * x + up[1] * y + up[2] * z;
      if (u < region.left || u > region.right || v < region.bottom || v > region.top) continue;
      visit(item, u, v);
    }
  });
}

/** The item nearest to a stage position, at most `reach` pixels away; null if there is none. */
export function nearest(scope: Scope, at: Point, reach: number): number | null {
  const { view, size } = scope;
  const region = regionOf(view, size, squareAround(at, reach));
  const u0 = (region.left + region.right) / 2;
  const v0 = (region.bottom + region.top) / 2;
  let found: number | null = null;
  let least = (reach / view.scale) ** 2;
  visitItems(scope, region, (item, u, v) => {
    const square = (u - u0) ** 2 + (v - v0) ** 2;
    // of two items at one position, the one drawn later is on top
    if (square <= least) {
      least = square;
      found = item;
    }
  });
  return found;
}

/** Whether the stage shows no visible item. */
export function isEmpty(scope: Scope): boolean {
  return isEmptyIn(scope, regionAround(scope.view, scope.size, 0));
}

/** Whether a region contains no visible item. */
export function isEmptyIn({ layout, states, view }: Scope, region: Region): boolean {
  const plane = viewAxes(view);
  let empty = true;
  layout.chunks.visit(region, plane, (start, end) => {
    for (let item = start; empty && item < end; item++) {
      if (states && states[item]! & HIDDEN) continue;
      const [u, v] = flatten(layout, plane, item);
      empty = u < region.left || u > region.right || v < region.bottom || v > region.top;
    }
  });
  return empty;
}

/** The visible items inside a polygon of stage pixels (even-odd rule), in the bundle's order. */
export function within(scope: Scope, polygon: readonly Point[]): Uint32Array {
  if (polygon.length < 3) return new Uint32Array(0);
  const xs = polygon.map(({ x }) => x);
  const ys = polygon.map(({ y }) => y);
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [right, bottom] = [Math.max(...xs), Math.max(...ys)];
  const { view, size } = scope;
  const region = regionOf(view, size, { left, top, right, bottom });
  const us = xs.map((x) => region.left + (x - left) / view.scale);
  const vs = ys.map((y) => region.top - (y - top) / view.scale);
  const found: number[] = [];
  visitItems(scope, region, (item, u, v) => {
    let inside = false;
    for (let i = 0, j = us.length - 1; i < us.length; j = i++) {
      const [vi, vj] = [vs[i]!, vs[j]!];
      if (vi > v === vj > v) continue;
      if (u < us[i]! + ((v - vi) / (vj - vi)) * (us[j]! - us[i]!)) inside = !inside;
    }
    if (inside) found.push(item);
  });
  return Uint32Array.from(found);
}

/** The next item in a direction. A distance across the direction counts twice. */
export function nextItem(
  scope: Scope,
  from: { readonly item: number; readonly at: Point },
  direction: Direction,
): number | null {
  const sign = direction === "left" || direction === "down" ? -1 : 1;
  const across = direction === "up" || direction === "down";
  const { view, size } = scope;
  const diagonal = Math.hypot(size.width, size.height);
  for (let reach = FIRST_REACH_PX; ; reach *= 2) {
    const region = regionOf(view, size, squareAround(from.at, reach));
    const u0 = (region.left + region.right) / 2;
    const v0 = (region.bottom + region.top) / 2;
    let found: number | null = null;
    let least = Number.POSITIVE_INFINITY;
    visitItems(scope, region, (item, u, v) => {
      const ahead = sign * (across ? v - v0 : u - u0) * view.scale;
      const aside = Math.abs(across ? u - u0 : v - v0) * view.scale;
      if (item === from.item || ahead < LEAST_STEP_PX || aside > ahead) return;
      const cost = Math.hypot(ahead, 2 * aside);
      if (cost < least) {
        least = cost;
        found = item;
      }
    });
    // an item just outside the region could be nearer than one found far to the side
    if (found !== null && (least <= reach || reach > diagonal)) return found;
    if (reach > MOST_DIAGONALS * diagonal) return found;
  }
}
