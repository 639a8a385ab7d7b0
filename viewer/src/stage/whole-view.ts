/** The view of all items, with no item under the panel in the corner at the top right. */
import type { Camera } from "./camera/camera";
import { isEmptyIn } from "./input/find-items";
import type { BoundedLayout } from "./layout/layouts";
import { regionOf } from "./layout/region";
import type { ClearArea, View } from "./stage";

/**
 * The view of a layout. If the panel in the corner would cover items, the map is beside or below the
 * panel. Half of `margin` around the panel is for the size of an image.
 */
export function wholeView(
  camera: Camera,
  layout: BoundedLayout,
  area: ClearArea,
  margin: number,
): View {
  const { corner } = area;
  const { size } = camera;
  const view = camera.whole(layout.box, area, margin);
  if (!corner) return view;
  const covered = regionOf(view, size, {
    left: corner.left - margin / 2,
    right: size.width,
    top: 0,
    bottom: corner.bottom + margin / 2,
  });
  if (isEmptyIn({ layout, states: null, view, size }, covered)) return view;
  const beside = camera.whole(layout.box, { ...area, right: corner.left }, margin);
  const below = camera.whole(layout.box, { ...area, top: corner.bottom }, margin);
  return beside.scale > below.scale ? beside : below;
}
