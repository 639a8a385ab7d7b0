/** Rectangles on the view plane: the map after rotation, in map units. */
import { axes, type Size } from "../camera/projection";
import type { View } from "../stage";

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

/** The rectangle of stage pixels from (x0, y0) to (x1, y1), on the view plane. */
export function regionOf(
  view: View,
  size: Size,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
): Region {
  const [u, v] = middle(view);
  return {
    left: u + (x0 - size.width / 2) / view.scale,
    right: u + (x1 - size.width / 2) / view.scale,
    bottom: v - (y1 - size.height / 2) / view.scale,
    top: v - (y0 - size.height / 2) / view.scale,
  };
}

/** The stage with `margin` pixels around it, on the view plane. */
export function regionAround(view: View, size: Size, margin: number): Region {
  return regionOf(view, size, -margin, -margin, size.width + margin, size.height + margin);
}

/** The center of the stage, on the view plane. */
export function middle(view: View): [number, number] {
  const [right, up] = viewAxes(view);
  const [x, y, z] = view.center;
  return [right[0] * x + right[1] * y + right[2] * z, up[0] * x + up[1] * y + up[2] * z];
}
