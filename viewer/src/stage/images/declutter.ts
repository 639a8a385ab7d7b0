/**
 * Which images are shown: in the bundle's order, each one that overlaps none before it. Whether one
 * is shown depends on the map and on the step of the zoom, never on how far one has panned, so
 * nothing flickers.
 */
import { flatten, type Places } from "../layout/positions";
import type { Plane, Region } from "../layout/region";
import { DIMMED, HIDDEN } from "../stage";

// A cell is as wide as two images must lie apart, and is cut into so many parts in each direction.
const PARTS = 4;

export interface Rule {
  /** No two images are nearer than this to each other in both directions: units of the map. */
  readonly distance: number;
  /** Where to place them. */
  readonly region: Region;
  readonly plane: Plane;
  /** Only the first so many items have an image. */
  readonly nItems: number;
  readonly states: Uint8Array | null;
}

/** Places images within a region; what is done in one step is short, so that it never blocks. */
export class Declutter {
  /** Those that have their place, in the order they got it. */
  readonly items: number[] = [];
  private readonly taken: Int32Array; // one more than the index in `items` of who lies in a cell
  /** Parts that lie wholly too near to an image: most items are met there, and need no other look. */
  private readonly closed: Uint8Array;
  private readonly scale: number; // parts a unit of the map
  private readonly width: number; // parts a row
  private readonly us: number[] = [];
  private readonly vs: number[] = [];
  private readonly columns: number;
  private readonly rows: number;
  private readonly runs: (readonly [number, number])[] = [];
  private readonly passes: readonly number[];
  private pass = 0;
  private run = 0;
  private at = 0;

  /** `kept` stay where they are, if there is room for all of them. */
  constructor(
    private readonly places: Places,
    private readonly rule: Rule,
    kept: Iterable<number> = [],
  ) {
    const { region, distance, plane, nItems, states } = rule;
    // one more than there is room for: an item may lie on the very edge
    this.columns = Math.ceil((region.right - region.left) / distance) + 1;
    this.rows = Math.ceil((region.top - region.bottom) / distance) + 1;
    this.taken = new Int32Array(this.columns * this.rows);
    this.scale = PARTS / distance;
    this.width = this.columns * PARTS;
    this.closed = new Uint8Array(this.width * this.rows * PARTS);
    // What a search or a selection leaves out gets the room that the others leave.
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

  /** Go on for about so long; true once all have been met. */
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
    // `flatten`, written out: with its arrays a million items take twice as long
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
