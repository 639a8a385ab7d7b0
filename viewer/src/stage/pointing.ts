/** Where an item is seen, what lies under a pointer, and the outline of what one points at. */
import type { Point } from "../stage";
import type { Appearance } from "./appearance";
import { project } from "./camera";
import { nearest } from "./finder";
import type { Gallery } from "./gallery";
import type { Layouts } from "./layout";
import type { Outline } from "./overlay";
import { borderSize, type Sizing } from "./sizes";
import type { Viewpoint } from "./viewpoint";

const REACH_PX = 6; // beyond a point's edge
const TOUCH_REACH_PX = 16;

export interface Sight {
  readonly eye: Viewpoint;
  readonly layouts: Layouts;
  readonly items: Appearance;
  readonly gallery: Gallery;
  readonly sizing: Sizing;
  readonly pointPx: number;
}

/** An item's place on the stage; null where it is hidden. */
export function locate({ eye, layouts, items }: Sight, item: number): Point | null {
  return items.isHidden(item) ? null : project(eye.current, eye.size, layouts.placeOf(item));
}

export function outline(sight: Sight, item: number | null): Outline | null {
  const at = item === null ? null : locate(sight, item);
  if (item === null || !at) return null;
  if (!sight.gallery.has(item)) {
    const radius = sight.pointPx / 2 + 4;
    return { at, halfWidth: radius, halfHeight: radius, round: sight.layouts.blend < 1 };
  }
  const { halfWidth, halfHeight } = imageHalves(sight, item);
  return { at, halfWidth: halfWidth + 1.5, halfHeight: halfHeight + 1.5, round: false };
}

/** The item under a pointer: its image, or its point within reach. */
export function pick(sight: Sight, at: Point, touch: boolean): number | null {
  let above: number | null = null; // the last one drawn
  for (const item of sight.gallery.items()) {
    const middle = locate(sight, item);
    if (!middle) continue;
    const { halfWidth, halfHeight } = imageHalves(sight, item);
    if (Math.abs(at.x - middle.x) <= halfWidth && Math.abs(at.y - middle.y) <= halfHeight)
      above = item;
  }
  if (above !== null) return above;
  const { eye, layouts, items } = sight;
  const reach = sight.pointPx / 2 + (touch ? TOUCH_REACH_PX : REACH_PX);
  return nearest(layouts.laid, items.states, eye.current, eye.size, at, reach);
}

/** Half the sides of an item's image, with its border: CSS pixels. */
function imageHalves({ eye, gallery, sizing }: Sight, item: number) {
  const side = sizing.at(eye.zoom);
  const [width, height] = gallery.shape(item);
  const border = borderSize(side);
  return { halfWidth: (side * width) / 2 + border, halfHeight: (side * height) / 2 + border };
}
