/** Finds items under the pointer, inside a lasso, and next to another item. */
import type { Size } from "../camera/projection";
import { flatten, type Layout } from "../layout/positions";

import { type Region, regionAround, regionOf, type ViewAxes, viewAxes } from "../layout/region";
import { type Direction, HIDDEN, type Point, type View } from "../stage";

/** Call `visit` with each visible item of a region and its position on the view plane. */
function visitItems(
  layout: Layout,
  states: Uint8Array | null,
  region: Region,
  plane: ViewAxes,
  visit: (item: number, u: number, v: number) => void,
): void {
  const { positions, dimensions } = layout;
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
export function nearest(
  layout: Layout,
  states: Uint8Array | null,
  view: View,
  size: Size,
  { x, y }: Point,
  reach: number,
): number | null {
  const region = regionOf(view, size, x - reach, y - reach, x + reach, y + reach);
  const u0 = (region.left + region.right) / 2;
  const v0 = (region.bottom + region.top) / 2;
  let found: number | null = null;
  let least = (reach / view.scale) ** 2;
  visitItems(layout, states, region, viewAxes(view), (item, u, v) => {
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
export function isEmpty(
  layout: Layout,
  states: Uint8Array | null,
  view: View,
  size: Size,
): boolean {
  const region = regionAround(view, size, 0);
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
export function within(
  layout: Layout,
  states: Uint8Array | null,
  view: View,
  size: Size,
  polygon: readonly Point[],
): Uint32Array {
  if (polygon.length < 3) return new Uint32Array(0);
  const xs = polygon.map(({ x }) => x);
  const ys = polygon.map(({ y }) => y);
  const bounds = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)] as const;
  const region = regionOf(view, size, ...bounds);
  const us = xs.map((x) => region.left + (x - bounds[0]) / view.scale);
  const vs = ys.map((y) => region.top - (y - bounds[1]) / view.scale);
  const found: number[] = [];
  visitItems(layout, states, region, viewAxes(view), (item, u, v) => {
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
  layout: Layout,
  states: Uint8Array | null,
  view: View,
  size: Size,
  from: { readonly item: number; readonly at: Point },
  direction: Direction,
): number | null {
  const sign = direction === "left" || direction === "down" ? -1 : 1;
  const across = direction === "up" || direction === "down";
  const { x, y } = from.at;
  const diagonal = Math.hypot(size.width, size.height);
  for (let reach = 32; ; reach *= 2) {
    const region = regionOf(view, size, x - reach, y - reach, x + reach, y + reach);
    const u0 = (region.left + region.right) / 2;
    const v0 = (region.bottom + region.top) / 2;
    let found: number | null = null;
    let least = Number.POSITIVE_INFINITY;
    visitItems(layout, states, region, viewAxes(view), (item, u, v) => {
      const ahead = sign * (across ? v - v0 : u - u0) * view.scale;
      const aside = Math.abs(across ? u - u0 : v - v0) * view.scale;
      if (item === from.item || ahead < 0.25 || aside > ahead) return;
      const cost = Math.hypot(ahead, 2 * aside);
      if (cost < least) {
        least = cost;
        found = item;
      }
    });
    // an item just outside the region could be nearer than one found far to the side
    if (found !== null && (least <= reach || reach > diagonal)) return found;
    if (reach > 64 * diagonal) return found;
  }
}
