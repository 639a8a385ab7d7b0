/** Which of the most similar items of an item are elsewhere on the map. */

const N_NEAR = 30; // as in docs/findings.md

/**
 * Return the `neighbors` of an item that are not among the 30 items nearest to it on the map.
 *
 * `positions` has shape (n, dimensions).
 */
export function elsewhere(
  positions: Float32Array,
  dimensions: number,
  item: number,
  neighbors: readonly number[],
): number[] {
  const distances = neighbors.map((other) => squaredDistance(positions, dimensions, item, other));
  const farthest = Math.max(...distances, 0);
  // the distances of the nearest items, ascending; an item farther than a neighbor does not matter
  const nearest: number[] = [];
  const count = positions.length / dimensions;
  for (let other = 0; other < count; other++) {
    const distance = squaredDistance(positions, dimensions, item, other);
    if (other === item || distance >= farthest) continue;
    if (nearest.length === N_NEAR && distance >= (nearest[N_NEAR - 1] as number)) continue;
    let at = nearest.length;
    while (at > 0 && (nearest[at - 1] as number) > distance) at--;
    nearest.splice(at, 0, distance);
    if (nearest.length > N_NEAR) nearest.pop();
  }
  const limit = nearest.length < N_NEAR ? Infinity : (nearest[N_NEAR - 1] as number);
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
