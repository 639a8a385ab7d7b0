/** Geometry of a view: projection, shifts, zooms, rotations, and interpolation between views. */
import type { Point, View } from "../stage";

export type Vector = readonly [number, number, number];
export type Quaternion = readonly [number, number, number, number];

export const NO_TURN: Quaternion = [0, 0, 0, 1];

/** Axis-aligned box in map units. */
export interface Box {
  readonly lower: Vector;
  readonly upper: Vector;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Rows of the rotation matrix of `turn`: right, up and toward the viewer, in map axes. */
export function axes(turn: Quaternion): readonly [Vector, Vector, Vector] {
  const [x, y, z, w] = turn;
  return [
    [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
    [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
    [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
  ];
}

/** The rotation `b` followed by the rotation `a`. */
export function product(a: Quaternion, b: Quaternion): Quaternion {
  const [ax, ay, az, aw] = a;
  const [bx, by, bz, bw] = b;
  return unit([
    aw * bx + ax * bw + ay * bz - az * by,
    aw * by - ax * bz + ay * bw + az * bx,
    aw * bz + ax * by - ay * bx + az * bw,
    aw * bw - ax * bx - ay * by - az * bz,
  ]);
}

function unit(q: Quaternion): Quaternion {
  const length = Math.hypot(...q);
  return length > 0 ? [q[0] / length, q[1] / length, q[2] / length, q[3] / length] : NO_TURN;
}

/** The matrix from map coordinates to clip space, in column-major order. */
export function matrix(view: View, { width, height }: Size, depth: number): Float32Array {
  const [right, up, near] = axes(view.turn);
  const x = (2 * view.scale) / width;
  const y = (2 * view.scale) / height;
  const z = -1 / depth; // near points have the least depth
  const rows = [
    right.map((value) => value * x),
    up.map((value) => value * y),
    near.map((value) => value * z),
  ];
  const result = new Float32Array(16);
  for (const [r, row] of rows.entries()) {
    for (let c = 0; c < 3; c++) result[c * 4 + r] = row[c]!;
    result[12 + r] = -(
      row[0]! * view.center[0] +
      row[1]! * view.center[1] +
      row[2]! * view.center[2]
    );
  }
  result[15] = 1;
  return result;
}

/** The stage position of a map position. */
export function project(view: View, size: Size, [x, y, z]: Vector): Point {
  const [right, up] = axes(view.turn);
  const dx = x - view.center[0];
  const dy = y - view.center[1];
  const dz = z - view.center[2];
  return {
    x: size.width / 2 + view.scale * (right[0] * dx + right[1] * dy + right[2] * dz),
    y: size.height / 2 - view.scale * (up[0] * dx + up[1] * dy + up[2] * dz),
  };
}

/** The view after a drag by (dx, dy) stage pixels. */
export function panned(view: View, dx: number, dy: number): View {
  const [right, up] = axes(view.turn);
  const a = -dx / view.scale;
  const b = dy / view.scale;
  const [x, y, z] = view.center;
  return {
    ...view,
    center: [
      x + a * right[0] + b * up[0],
      y + a * right[1] + b * up[1],
      z + a * right[2] + b * up[2],
    ],
  };
}

/** The view at another scale, with the map position under `at` fixed. */
export function zoomed(view: View, size: Size, scale: number, at: Point): View {
  const dx = at.x - size.width / 2;
  const dy = at.y - size.height / 2;
  return panned({ ...panned(view, -dx, -dy), scale }, dx, dy);
}

/**
 * The view after a drag of a virtual trackball from `from` to `to` (Shoemake 1992, "Arcball"), on a
 * ball whose edge is continued by a hyperbola, as in Bell's trackball.
 */
export function turned(view: View, size: Size, from: Point, to: Point): View {
  const a = onBall(size, from);
  const b = onBall(size, to);
  const dot = a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  // the full angle from a to b, so that the rotation is twice the angle on the ball
  const step: Quaternion = [
    a[1] * b[2] - a[2] * b[1],
    a[2] * b[0] - a[0] * b[2],
    a[0] * b[1] - a[1] * b[0],
    dot,
  ];
  return { ...view, turn: product(unit(step), view.turn) };
}

function onBall({ width, height }: Size, { x, y }: Point): Vector {
  const radius = 0.5 * Math.min(width, height);
  const dx = (x - width / 2) / radius;
  const dy = (height / 2 - y) / radius;
  const square = dx * dx + dy * dy;
  if (square <= 0.5) return [dx, dy, Math.sqrt(1 - square)];
  const z = 0.5 / Math.sqrt(square); // hyperbolic sheet outside the ball: continuous at its rim
  const length = Math.hypot(dx, dy, z);
  return [dx / length, dy / length, z / length];
}

/** The view that fits a box into `size`, with `margin` pixels around the box. */
export function fitted(box: Box, size: Size, turn: Quaternion, margin: number): View {
  const center = box.lower.map((low, axis) => (low + box.upper[axis]!) / 2) as unknown as Vector;
  const [right, up] = axes(turn);
  const extent = (along: Vector): number =>
    along.reduce(
      (sum, part, axis) => sum + Math.abs(part) * (box.upper[axis]! - box.lower[axis]!),
      0,
    );
  const width = Math.max(size.width - 2 * margin, size.width / 2);
  const height = Math.max(size.height - 2 * margin, size.height / 2);
  const scale = Math.min(width / extent(right), height / extent(up));
  return { center, scale: Number.isFinite(scale) ? scale : 1, turn };
}

/**
 * The view at `t` (0 to 1) between `a` and `b`. The scale changes by equal factors, and the center
 * moves so that one map position is fixed on the stage. In a zoom about the pointer, the position
 * under the pointer is fixed.
 */
export function between(a: View, b: View, t: number): View {
  if (t >= 1) return b;
  const ratio = b.scale / a.scale;
  const scale = a.scale * ratio ** t;
  const even = Math.abs(Math.log(ratio)) < 1e-4;
  const share = even ? t : (1 - a.scale / scale) / (1 - 1 / ratio);
  const center = a.center.map((from, axis) => from + (b.center[axis]! - from) * share);
  const sign = a.turn.reduce((sum, value, i) => sum + value * b.turn[i]!, 0) < 0 ? -1 : 1;
  const turn = a.turn.map((from, i) => from + (sign * b.turn[i]! - from) * t);
  return {
    center: center as unknown as Vector,
    scale,
    turn: unit(turn as unknown as Quaternion),
  };
}
