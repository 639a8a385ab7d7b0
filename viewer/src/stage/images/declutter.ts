/**
 * Chooses the images to show so that no two overlap: in the bundle's order, each image that
 * overlaps no image chosen before. The choice depends on the map and the zoom step, but not on the position
 * of the view, so images do not flicker while the map moves.
 */
import { flatten, type Places } from "../layout/positions";
import type { Plane, Region } from "../layout/region";
import { DIMMED, HIDDEN } from "../stage";

// A cell is as wide as the least distance of two images, and has PARTS x PARTS parts.
const PARTS = 4;

export interface Rule {
  /** The least distance of two images in at least one direction, in map units. */
  readonly distance: number;
  /** The region in which images are chosen. */
  readonly region: Region;
  readonly plane: Plane;
  /** The number of items that have an image. */
  readonly nItems: number;
  readonly states: Uint8Array | null;
}

/** Chooses images within a region, in short steps that do not block the page. */
export class Declutter {
  /** The chosen items, in the order in which they were chosen. */
  readonly items: number[] = [];
  private readonly taken: Int32Array; // by cell: 1 + index in `items`; 0 if none
  /** By part: 1 if any item there would overlap a chosen one. Most items need no other check. */
  private readonly closed: Uint8Array;
  private readonly scale: number; // parts per map unit
  private readonly width: number; // parts per row
  private readonly us: number[] = [];
  private readonly vs: number[] = [];
  private readonly columns: number;
  private readonly rows: number;
  private readonly runs: (readonly [number, number])[] = [];
  private readonly passes: readonly number[];
  private pass = 0;
  private run = 0;
  private at = 0;

  /** The items `kept` are chosen first, if they do not overlap. */
  constructor(
    private readonly places: Places,
    private readonly rule: Rule,
    kept: Iterable<number> = [],
  ) {
    const { region, distance, plane, nItems, states } = rule;
    // one extra, for items on the region's edge
    this.columns = Math.ceil((region.right - region.left) / distance) + 1;
    this.rows = Math.ceil((region.top - region.bottom) / distance) + 1;
    this.taken = new Int32Array(this.columns * this.rows);
    this.scale = PARTS / distance;
    this.width = this.columns * PARTS;
    this.closed = new Uint8Array(this.width * this.rows * PARTS);
    // dimmed items get the room that the others leave
    this.passes = states?.some((state) => state & DIMMED) ? [0, DIMMED] : [0];
    places.chunks.visit(region, plane, (start, end) => {
      if (start < nItems) this.runs.push([start, Math.min(end, nItems)]);
    });
    for (const item of kept) {
      if (states && states[item]! & HIDDEN) continue;
      this.tryAt(...flatten(places, plane, item), item);
    }
    this.at = this.runs[0]?.[0] ?? 0;
  }

  /** Continue for about `budgetMs`. Returns true when all items have been tried. */
  step(budgetMs: number): boolean {
    const stop = performance.now() + budgetMs;
    while (this.pass < this.passes.length) {
      while (this.run < this.runs.length) {
        const end = this.runs[this.run]![1];
        while (this.at < end) {
          const until = Math.min(end, this.at + 4096);
          this.meet(this.at, until);
          this.at = until;
          if (performance.now() > stop) return false;
        }
        this.run++;
        this.at = this.runs[this.run]?.[0] ?? 0;
      }
      this.pass++;
      this.run = 0;
      this.at = this.runs[0]?.[0] ?? 0;
    }
    return true;
  }

  private meet(start: number, end: number): void {
    const { states, plane } = this.rule;
    const { positions, dimensions } = this.places;
    const wanted = this.passes[this.pass]!;
    const [[rx, ry, rz], [ux, uy, uz]] = plane;
    // `flatten` inlined: its arrays would double the time for a million items
    for (let item = start, at = start * dimensions; item < end; item++, at += dimensions) {
      if (states && (states[item]! & (HIDDEN | DIMMED)) !== wanted) continue;
      const x = positions[at]!;
      const y = positions[at + 1]!;
      const z = dimensions === 3 ? positions[at + 2]! : 0;
      this.tryAt(rx * x + ry * y + rz * z, ux * x + uy * y + uz * z, item);
    }
  }

  private tryAt(u: number, v: number, item: number): void {
    const { left, right, bottom, top } = this.rule.region;
    if (u < left || u > right || v < bottom || v > top) return;
    const across = Math.floor((u - left) * this.scale);
    const up = Math.floor((v - bottom) * this.scale);
    if (this.closed[up * this.width + across] || !this.isFree(u, v, across, up)) return;
    this.us.push(u);
    this.vs.push(v);
    this.take(item, across, up);
  }

  private isFree(u: number, v: number, across: number, up: number): boolean {
    const { taken, columns, rows, us, vs } = this;
    const { distance } = this.rule;
    const column = Math.floor(across / PARTS);
    const row = Math.floor(up / PARTS);
    for (let r = Math.max(row - 1, 0); r <= row + 1 && r < rows; r++) {
      for (let c = Math.max(column - 1, 0); c <= column + 1 && c < columns; c++) {
        const other = taken[r * columns + c]! - 1;
        if (other < 0) continue;
        if (Math.abs(us[other]! - u) < distance && Math.abs(vs[other]! - v) < distance)
          return false;
      }
    }
    return true;
  }

  private take(item: number, across: number, up: number): void {
    const { width, closed } = this;
    const cell = Math.floor(up / PARTS) * this.columns + Math.floor(across / PARTS);
    this.taken[cell] = this.items.push(item);
    const from = Math.max(across - PARTS + 1, 0);
    const to = Math.min(across + PARTS, width);
    for (let row = Math.max(up - PARTS + 1, 0); row < up + PARTS; row++) {
      closed.fill(1, row * width + from, row * width + to);
    }
  }
}
