/** Item positions of one layout, and their projection onto the view plane. */
import type { Vector } from "../camera/projection";
import type { Chunks } from "./chunks";
import type { ViewAxes } from "./region";

interface Coordinates {
  readonly positions: Float32Array; // shape (n, dimensions)
  readonly dimensions: number;
}

/** The item positions of a layout. */
export interface Layout extends Coordinates {
  readonly chunks: Chunks;
}

/** The position of an item; z is 0 in two dimensions. */
export function positionOf({ positions, dimensions }: Coordinates, item: number): Vector {
  const at = item * dimensions;
  return [positions[at]!, positions[at + 1]!, dimensions === 3 ? positions[at + 2]! : 0];
}

/** The position of an item on the view plane: right and up, in map units. */
export function flatten(
  layout: Coordinates,
  [right, up]: ViewAxes,
  item: number,
): [number, number] {
  const { positions, dimensions } = layout;
  const x = positions[item * dimensions]!;
  const y = positions[item * dimensions + 1]!;
  const z = dimensions === 3 ? positions[item * 3 + 2]! : 0;
  return [right[0] * x + right[1] * y + right[2] * z, up[0] * x + up[1] * y + up[2] * z];
}
