/**
 * Ranges of consecutive items and their bounding boxes. Within a level, items follow a Hilbert curve
 * over the map, so a range covers a small area. Drawing and searching skip whole ranges outside the
 * view.
 */

import type { Region, ViewAxes } from "./region";

const CHUNK = 512; // items per bounding box
// A gap of this many items is cheaper to draw than to skip.
const SMALL_GAP = 1024;

/** The indices of consecutive items: the first, and the one after the last. */
export type ItemRange = readonly [start: number, end: number];

export class Chunks {
  readonly count: number;
  private readonly starts: Uint32Array;
  private readonly middles: Float32Array; // (count, 3)
  private readonly halves: Float32Array; // (count, 3)

  /** `positions` has shape (n, dimensions). No chunk crosses the end of a level. */
  constructor(positions: Float32Array, dimensions: number, levelEnds: readonly number[]) {
    const starts: number[] = [];
    let begin = 0;
    for (const end of levelEnds) {
      for (let start = begin; start < end; start += CHUNK) starts.push(start);
      begin = Math.max(begin, end);
    }
    this.count = starts.length;
    this.starts = Uint32Array.from([...starts, begin]);
    this.middles = new Float32Array(3 * this.count);
    this.halves = new Float32Array(3 * this.count);
    for (let chunk = 0; chunk < this.count; chunk++) this.measure(chunk, positions, dimensions);
  }

  private measure(chunk: number, positions: Float32Array, dimensions: number): void {
    const [start, end] = [this.starts[chunk]!, this.starts[chunk + 1]!];
    for (let axis = 0; axis < dimensions; axis++) {
      let low = Number.POSITIVE_INFINITY;
      let high = Number.NEGATIVE_INFINITY;
      for (let i = start * dimensions + axis; i < end * dimensions; i += dimensions) {
        const value = positions[i]!;
        if (value < low) low = value;
        if (value > high) high = value;
      }
      this.middles[3 * chunk + axis] = (low + high) / 2;
      this.halves[3 * chunk + axis] = (high - low) / 2;
    }
  }

  /** Call `visit` with each range of items that may intersect a region, in the bundle's order. */
  visit(region: Region, plane: ViewAxes, visit: (start: number, end: number) => void): void {
    let start = -1;
    let end = -1;
    for (let chunk = 0; chunk < this.count; chunk++) {
      if (!this.meets(chunk, region, plane)) continue;
      if (start >= 0 && this.starts[chunk]! - end > SMALL_GAP) {
        visit(start, end);
        start = -1;
      }
      if (start < 0) start = this.starts[chunk]!;
      end = this.starts[chunk + 1]!;
    }
    if (start >= 0) visit(start, end);
  }

  private meets(chunk: number, region: Region, [right, up]: ViewAxes): boolean {
    const i = 3 * chunk;
    const { middles, halves } = this;
    const x = right[0] * middles[i]! + right[1] * middles[i + 1]! + right[2] * middles[i + 2]!;
    const rx =
      Math.abs(right[0]) * halves[i]! +
      Math.abs(right[1]) * halves[i + 1]! +
      Math.abs(right[2]) * halves[i + 2]!;
    if (x + rx < region.left || x - rx > region.right) return false;
    const y = up[0] * middles[i]! + up[1] * middles[i + 1]! + up[2] * middles[i + 2]!;
    const ry =
      Math.abs(up[0]) * halves[i]! +
      Math.abs(up[1]) * halves[i + 1]! +
      Math.abs(up[2]) * halves[i + 2]!;
    return y + ry >= region.bottom && y - ry <= region.top;
  }
}
