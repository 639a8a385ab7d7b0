/**
 * Chooses the images to show so that no two overlap: in the bundle's order, each image that
 * overlaps no image chosen before. On a map that is not crowded, the images are chosen at a small
 * size, so that as many as possible fit, and then all images grow together as far as their neighbors
 * allow. The choice depends on the map and the zoom step, but not on the position of the view, so
 * images do not flicker while the map moves.
 */

import { timeMs } from "../../time";
import type { ItemRange } from "../layout/chunks";
import { flatten, type Layout } from "../layout/positions";
import type { Region, ViewAxes } from "../layout/region";
import type { Fill } from "../layout/sizes";
import { DIMMED, HIDDEN } from "../stage";

// A cell is as wide as the least distance of two images, and has PARTS x PARTS parts.
const PARTS = 4;
// An image grows by this factor at a time.
const GROWTH = 1.12;
// Number of items between two checks of the time.
const CLOCK_ITEMS = 4096;

export interface Rule {
  /** The least distance of two images in at least one direction, in map units. */
  readonly distance: number;
  /** The region in which images are chosen. */
  readonly region: Region;
  readonly plane: ViewAxes;
  /** The number of items that have an image. */
  readonly nItems: number;
  readonly states: Uint8Array | null;
  /** The other sizes of images; null if all images have the same size. */
  readonly fill: Fill | null;
  /** The region that no image may leave as it grows; null for no bound. */
  readonly bounds: Region | null;
}

/** Chooses images within a region, in short steps that do not block the page. */
export class Declutter {
  /** The chosen items, in the order in which they were chosen. */
  readonly items: number[] = [];
  /** The size of each chosen image, as a multiple of the common size. */
  readonly factors: number[] = [];
  private readonly taken: Int32Array; // by cell: 1 + index in `items`; 0 if none
  /** By index in `items`: 1 + index of another image in the same cell; 0 if none. */
  private readonly others: number[] = [];
  /** By part: 1 if any item there would overlap a chosen one. Most items need no other check. */
  private readonly closed: Uint8Array;
  private readonly scale: number; // parts per map unit
  private readonly width: number; // parts per row
  private readonly us: number[] = [];
  private readonly vs: number[] = [];
  private readonly columns: number;
  private readonly rows: number;
  private readonly ranges: ItemRange[] = [];
  private readonly passes: readonly { readonly state: number; readonly factor: number }[];
  private pass = 0;
  private range = 0;
  private at = 0;
  private growing: boolean;
  private largest = 1; // of `factors`

  /** The items `kept`, with their factors, are chosen first, if they do not overlap. */
  constructor(
    private readonly layout: Layout,
    private readonly rule: Rule,
    kept: Iterable<readonly [item: number, factor: number]> = [],
  ) {
    const { region, distance, plane, nItems, states, fill } = rule;
    // one extra, for items on the region's edge
    this.columns = Math.ceil((region.right - region.left) / distance) + 1;
    this.rows = Math.ceil((region.top - region.bottom) / distance) + 1;
    this.taken = new Int32Array(this.columns * this.rows);
    this.scale = PARTS / distance;
    this.width = this.columns * PARTS;
    this.closed = new Uint8Array(this.width * this.rows * PARTS);
    // dimmed items are placed last, in the remaining room
    const kinds = states?.some((state) => state & DIMMED) ? [0, DIMMED] : [0];
    const factors = fill?.factors ?? [1];
    this.passes = kinds.flatMap((state) => factors.map((factor) => ({ state, factor })));
    this.growing = fill !== null;
    layout.chunks.visit(region, plane, (start, end) => {
      if (start < nItems) this.ranges.push([start, Math.min(end, nItems)]);
    });
    for (const [item, factor] of kept) {
      if (states && states[item]! & HIDDEN) continue;
      this.tryAt(...flatten(layout, plane, item), item, fill ? factor : 1);
    }
    this.at = this.ranges[0]?.[0] ?? 0;
  }

  /** Continue for about `budgetMs`. Returns true when all items have been tried. */
  step(budgetMs: number): boolean {
    const stop = timeMs() + budgetMs;
    while (this.pass < this.passes.length) {
      while (this.range < this.ranges.length) {
        const end = this.ranges[this.range]![1];
        while (this.at < end) {
          const until = Math.min(end, this.at + CLOCK_ITEMS);
          this.meet(this.at, until);
          this.at = until;
          if (timeMs() > stop) return false;
        }
        this.range++;
        this.at = this.ranges[this.range]?.[0] ?? 0;
      }
      this.pass++;
      this.range = 0;
      this.at = this.ranges[0]?.[0] ?? 0;
    }
    while (this.growing) {
      this.growing = this.grow();
      if (timeMs() > stop) break;
    }
    return !this.growing;
  }

  /** Enlarge each image by one step where there is room. Returns whether any image has grown. */
  private grow(): boolean {
    const { items, factors, us, vs, rule } = this;
    const { most } = rule.fill!;
    let grown = false;
    for (let i = 0; i < items.length; i++) {
      const factor = Math.min(factors[i]! * GROWTH, most);
      if (factor <= factors[i]! || !this.isInBounds(us[i]!, vs[i]!, factor)) continue;
      if (!this.isFree(us[i]!, vs[i]!, factor, i)) continue;
      factors[i] = factor;
      this.largest = Math.max(this.largest, factor);
      grown = true;
    }
    return grown;
  }

  private meet(start: number, end: number): void {
    const { states, plane } = this.rule;
    const { positions, dimensions } = this.layout;
    const { state: wanted, factor } = this.passes[this.pass]!;
    const [[rx, ry, rz], [ux, uy, uz]] = plane;
    // `flatten` inlined: its arrays would double the time for a million items
    for (let item = start, at = start * dimensions; item < end; item++, at += dimensions) {
      if (states && (states[item]! & (HIDDEN | DIMMED)) !== wanted) continue;
      const x = positions[at]!;
      const y = positions[at + 1]!;
      const z = dimensions === 3 ? positions[at + 2]! : 0;
      this.tryAt(rx * x + ry * y + rz * z, ux * x + uy * y + uz * z, item, factor);
    }
  }

  private tryAt(u: number, v: number, item: number, factor: number): void {
    const { left, right, bottom, top } = this.rule.region;
    if (u < left || u > right || v < bottom || v > top) return;
    if (factor === 1) {
      const across = Math.floor((u - left) * this.scale);
      const up = Math.floor((v - bottom) * this.scale);
      if (this.closed[up * this.width + across]) return;
    }
    if (!this.isFree(u, v, factor)) return;
    this.us.push(u);
    this.vs.push(v);
    this.take(u, v, item, factor);
  }

  /** The distance that an image of a size keeps from another image of that size, in map units. */
  private extent(factor: number): number {
    const share = this.rule.fill?.share ?? 1;
    return this.rule.distance * (factor * share + 1 - share);
  }

  private isInBounds(u: number, v: number, factor: number): boolean {
    const { bounds } = this.rule;
    if (!bounds) return true;
    const half = this.extent(factor) / 2;
    return (
      u - half >= bounds.left &&
      u + half <= bounds.right &&
      v - half >= bounds.bottom &&
      v + half <= bounds.top
    );
  }

  /** Whether an image of a size would overlap no chosen image other than `self`. */
  private isFree(u: number, v: number, factor: number, self = -1): boolean {
    const { taken, columns, rows, us, vs, others } = this;
    const { region, distance, fill } = this.rule;
    const column = Math.floor((u - region.left) / distance);
    const row = Math.floor((v - region.bottom) / distance);
    const own = this.extent(factor);
    // two images of the common size can overlap only from neighboring cells
    const reach =
      factor > 1 || this.largest > 1
        ? Math.ceil((own + this.extent(this.largest)) / 2 / distance)
        : 1;
    for (let r = Math.max(row - reach, 0); r <= row + reach && r < rows; r++) {
      for (let c = Math.max(column - reach, 0); c <= column + reach && c < columns; c++) {
        for (let at = taken[r * columns + c]!; at > 0; at = others[at - 1]!) {
          const other = at - 1;
          if (other === self) continue;
          const apart = fill ? (own + this.extent(this.factors[other]!)) / 2 : distance;
          if (Math.abs(us[other]! - u) < apart && Math.abs(vs[other]! - v) < apart) return false;
        }
      }
    }
    return true;
  }

  private take(u: number, v: number, item: number, factor: number): void {
    const { width, closed, scale, taken } = this;
    const { left, bottom } = this.rule.region;
    const across = Math.floor((u - left) * scale);
    const up = Math.floor((v - bottom) * scale);
    const cell = Math.floor(up / PARTS) * this.columns + Math.floor(across / PARTS);
    this.factors.push(factor);
    this.others.push(taken[cell]!);
    taken[cell] = this.items.push(item);
    this.largest = Math.max(this.largest, factor);
    if (factor < 1) return; // `closed` is about images of the common size
    const from = Math.max(across - PARTS + 1, 0);
    const to = Math.min(across + PARTS, width);
    for (let row = Math.max(up - PARTS + 1, 0); row < up + PARTS; row++) {
      closed.fill(1, row * width + from, row * width + to);
    }
  }
}
