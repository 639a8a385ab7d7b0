/** What is looked at stays in sight while the items move from one layout to the other. */
import type { View } from "../stage";
import type { Vector } from "./camera";
import { nearest } from "./finder";
import { locate, type Sight } from "./pointing";

const ZOOMED_IN = 1.5; // farther out all is seen, before and after

/** An item, its place, and the view in which it was seen there. */
export interface Kept {
  readonly item: number;
  readonly view: View;
  readonly place: Vector;
}

/** Of a part of the map the item that has the focus, or else the one in the middle. */
export function keepInSight(sight: Sight, focus: number | null): Kept | null {
  const { eye, layouts, items } = sight;
  if (eye.zoom < ZOOMED_IN) return null;
  const { width, height } = eye.size;
  const at = focus === null ? null : locate(sight, focus);
  const seen = at && at.x >= 0 && at.y >= 0 && at.x <= width && at.y <= height;
  const middle = { x: width / 2, y: height / 2 };
  const item = seen
    ? focus
    : nearest(layouts.laid, items.states, eye.goal, eye.size, middle, Math.max(width, height));
  return item === null ? null : { item, view: eye.goal, place: layouts.placeOf(item) };
}

/** The view that shows the item where it was on the stage, now that its place is another. */
export function keptView({ item, view, place }: Kept, { layouts }: Sight): View {
  const now = layouts.placeOf(item);
  const center = view.center.map((at, axis) => at + now[axis]! - place[axis]!);
  return { ...view, center: center as unknown as Vector };
}
