/** Which of the most similar items of an item are elsewhere on the map. */

// As the column "torn" of the findings: 30 items, or fewer on a map of fewer than 181 items
const N_NEAR = 30;
const SHARE = 6;
const LEAST_NEAR = 5; // with fewer, the column is empty

/**
 * Return the `neighbors` of an item that are not among the 30 items nearest to it on the map; none on
 * a map of fewer than 31 items.
 *
 * `positions` has shape (n, dimensions).
 */
export function elsewhere(
  positions: Float32Array,
  dimensions: number,
  item: number,
  neighbors: readonly number[],
): number[] {
  const count = positions.length / dimensions;
  const most = Math.min(N_NEAR, Math.floor((count - 1) / SHARE));
  if (most < LEAST_NEAR) return [];
  const distances = neighbors.map((other) => squaredDistance(positions, dimensions, item, other));
  const farthest = Math.max(...distances, 0);
  // the distances of the nearest items, ascending; an item farther than a neighbor does not matter
  const nearest: number[] = [];
  for (let other = 0; other < count; other++) {
    const distance = squaredDistance(positions, dimensions, item, other);
    if (other === item || distance >= farthest) continue;
    if (nearest.length === most && distance >= (nearest[most - 1] as number)) continue;
    let at = nearest.length;
    while (at > 0 && (nearest[at - 1] as number) > distance) at--;
    nearest.splice(at, 0, distance);
    if (nearest.length > most) nearest.pop();
  }
  const limit = nearest.length < most ? Infinity : (nearest[most - 1] as number);
  return neighbors.filter((_, i) => (distances[i] as number) > limit);
}

function squaredDistance(
  positions: Float32Array,
  dimensions: number,
  one: number,
  other: number,
): number {
  let sum = 0;
  for (let axis = 0; axis < dimensions; axis++) {
    const a = positions[one * dimensions + axis] as number;
    const b = positions[other * dimensions + axis] as number;
    sum += (a - b) ** 2;
  }
  return sum;
}
