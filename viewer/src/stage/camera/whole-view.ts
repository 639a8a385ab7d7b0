/** The view of all items, with no item under the panel in the corner at the top right. */
import type { BoundedLayout } from "../layout/layouts";
import { positionOf } from "../layout/positions";
import type { ClearArea, View } from "../stage";
import type { Camera } from "./camera";
import { project } from "./projection";

/** The view of a layout. If the panel in the corner would cover items, the map is beside or below the panel. */
export function wholeView(
  camera: Camera,
  layout: BoundedLayout,
  area: ClearArea,
  margin: number,
): View {
  const { corner } = area;
  const view = camera.whole(layout.box, area, margin);
  if (!corner || !hasItemIn(corner, view, camera, layout, margin)) return view;
  const beside = camera.whole(layout.box, { ...area, right: corner.left }, margin);
  const below = camera.whole(layout.box, { ...area, top: corner.bottom }, margin);
  return beside.scale > below.scale ? beside : below;
}

/** Whether the panel, with half of `margin` around it for the size of an image, covers an item. */
function hasItemIn(
  { left, bottom }: { readonly left: number; readonly bottom: number },
  view: View,
  camera: Camera,
  layout: BoundedLayout,
  margin: number,
): boolean {
  const nItems = layout.positions.length / layout.dimensions;
  for (let item = 0; item < nItems; item++) {
    const at = project(view, camera.size, positionOf(layout, item));
    if (at.x > left - margin / 2 && at.y < bottom + margin / 2) return true;
  }
  return false;
}
