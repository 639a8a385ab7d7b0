/** Keeps an item at its stage position while the layout changes. */

import type { Vector } from "./camera/projection";
import { nearest } from "./input/find-items";
import { locate, type StageSnapshot, scopeOf } from "./input/pointing";
import type { View } from "./stage";

// At a smaller zoom the whole map is visible in both layouts, so no item needs to stay in place.
const ZOOMED_IN = 1.5;

/** An item, its map position, and the view in which it was there. */
export interface Anchor {
  readonly item: number;
  readonly view: View;
  readonly position: Vector;
}

/** Return the focused item, or else the item in the middle; null if the view is not zoomed in. */
export function findAnchor(snapshot: StageSnapshot, focus: number | null): Anchor | null {
  const { camera, layouts } = snapshot;
  if (camera.zoom < ZOOMED_IN) return null;
  const { width, height } = camera.size;
  const at = focus === null ? null : locate(snapshot, focus);
  const seen = at && at.x >= 0 && at.y >= 0 && at.x <= width && at.y <= height;
  const middle = { x: width / 2, y: height / 2 };
  const item = seen
    ? focus
    : nearest({ ...scopeOf(snapshot), view: camera.target }, middle, Math.max(width, height));
  return item === null ? null : { item, view: camera.target, position: layouts.positionOf(item) };
}

/** The view that shows the item at the stage position that it had in the old layout. */
export function anchoredView({ item, view, position }: Anchor, { layouts }: StageSnapshot): View {
  const now = layouts.positionOf(item);
  const center = view.center.map((at, axis) => at + now[axis]! - position[axis]!);
  return { ...view, center: center as unknown as Vector };
}
