/** Rectangles on the view plane: the map after rotation, in map units. */
import { axes, type Size } from "../camera/projection";
import type { Area, View } from "../stage";

/** A rectangle on the view plane: right and up, in map units. */
export interface Region {
  readonly left: number;
  readonly right: number;
  readonly bottom: number;
  readonly top: number;
}

/** The right and up axes of the view, in map coordinates. */
export type ViewAxes = readonly [
  readonly [number, number, number],
  readonly [number, number, number],
];

export function viewAxes(view: View): ViewAxes {
  const [right, up] = axes(view.turn);
  return [right, up];
}

/** A rectangle of stage pixels, on the view plane. */
export function regionOf(view: View, size: Size, area: Area): Region {
  const [u, v] = middle(view);
  return {
    left: u + (area.left - size.width / 2) / view.scale,
    right: u + (area.right - size.width / 2) / view.scale,
    bottom: v - (area.bottom - size.height / 2) / view.scale,
    top: v - (area.top - size.height / 2) / view.scale,
  };
}

/** The stage with `margin` pixels around it, on the view plane. */
export function regionAround(view: View, size: Size, margin: number): Region {
  const [right, bottom] = [size.width + margin, size.height + margin];
  return regionOf(view, size, { left: -margin, top: -margin, right, bottom });
}

/** The center of the stage, on the view plane. */
export function middle(view: View): [number, number] {
  const [right, up] = viewAxes(view);
  const [x, y, z] = view.center;
  return [right[0] * x + right[1] * y + right[2] * z, up[0] * x + up[1] * y + up[2] * z];
}
