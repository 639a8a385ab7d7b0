/** Stage positions of items, the item under the pointer, and the outline of an item. */

import type { Camera } from "../camera/camera";
import { project } from "../camera/projection";
import type { Gallery } from "../images/gallery";
import type { Layouts } from "../layout/layouts";
import { borderSize, type Sizing } from "../layout/sizes";
import type { Outline } from "../overlay";
import type { Appearance } from "../points/appearance";
import type { Point } from "../stage";
import { nearest, type Scope } from "./find-items";

const REACH_PX = 6; // distance from a point's edge within which it is picked
const TOUCH_REACH_PX = 16; // the same for a finger
const POINT_RING_PX = 4; // distance of the ring from a point's edge
const LINK_RING_PX = 1; // the same for the rings of neighbors and matches, of which many are close
const LEAST_LINK_RADIUS_PX = 3.5; // of their rings around tiny points
const IMAGE_RING_PX = 1.5; // distance of the ring from the edge of an image's border

export interface StageSnapshot {
  readonly camera: Camera;
  readonly layouts: Layouts;
  readonly items: Appearance;
  readonly gallery: Gallery;
  readonly sizing: Sizing;
  readonly pointPx: number;
}

/** What is on the stage now, for a search among the items. */
export function scopeOf({
  camera,
  layouts,
  items,
}: Pick<StageSnapshot, "camera" | "layouts" | "items">): Scope {
  const { current: view, size } = camera;
  return { layout: layouts.target, states: items.states, view, size };
}

/** The stage position of an item; null if the item is hidden. */
export function locate({ camera, layouts, items }: StageSnapshot, item: number): Point | null {
  return items.isHidden(item)
    ? null
    : project(camera.current, camera.size, layouts.positionOf(item));
}

export function outline(snapshot: StageSnapshot, item: number | null): Outline | null {
  const at = item === null ? null : locate(snapshot, item);
  if (item === null || !at) return null;
  if (!snapshot.gallery.has(item)) {
    const radius = snapshot.pointPx / 2 + POINT_RING_PX;
    return { at, halfWidth: radius, halfHeight: radius, round: snapshot.layouts.blend < 1 };
  }
  const { halfWidth, halfHeight } = imageHalves(snapshot, item);
  const [width, height] = [halfWidth + IMAGE_RING_PX, halfHeight + IMAGE_RING_PX];
  return { at, halfWidth: width, halfHeight: height, round: false };
}

/** The outline for one of many rings: close around a point, and filled with the point's color. */
export function linkOutline(snapshot: StageSnapshot, item: number): Outline | null {
  const found = outline(snapshot, item);
  if (!found || snapshot.gallery.has(item)) return found;
  const radius = Math.max(snapshot.pointPx / 2 + LINK_RING_PX, LEAST_LINK_RADIUS_PX);
  const levels = snapshot.items.colorOf(item).map((level) => Math.round(255 * level));
  return { ...found, halfWidth: radius, halfHeight: radius, fill: `rgb(${levels})` };
}

/** The item under the pointer: an image, or the nearest point within the search radius. */
export function pick(snapshot: StageSnapshot, at: Point, touch: boolean): number | null {
  let above: number | null = null; // the image drawn last
  for (const item of snapshot.gallery.items()) {
    const middle = locate(snapshot, item);
    if (!middle) continue;
    const { halfWidth, halfHeight } = imageHalves(snapshot, item);
    if (Math.abs(at.x - middle.x) <= halfWidth && Math.abs(at.y - middle.y) <= halfHeight)
      above = item;
  }
  if (above !== null) return above;
  const reach = snapshot.pointPx / 2 + (touch ? TOUCH_REACH_PX : REACH_PX);
  return nearest(scopeOf(snapshot), at, reach);
}

/** Half the width and height of an item's image with its border, in CSS pixels. */
function imageHalves({ camera, gallery, sizing }: StageSnapshot, item: number) {
  const side = sizing.at(camera.zoom);
  const [width, height] = gallery.shape(item);
  const border = borderSize(side);
  return { halfWidth: (side * width) / 2 + border, halfHeight: (side * height) / 2 + border };
}
