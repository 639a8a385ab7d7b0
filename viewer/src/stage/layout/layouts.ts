/** The item positions on the map and in the grid. */
import type { Manifest } from "../../contract";
import { timeMs } from "../../time";
import type { Box, Vector } from "../camera/projection";
import { easeInOut } from "../camera/transition";
import type { LayoutName } from "../stage";
import { Chunks } from "./chunks";
import { type Layout, positionOf } from "./positions";

/** Duration of the change of the layout. */
export const MOVE_MS = 750;
const LONE_CELL = 72; // side of a cell in map units, if all items have the same position

/** The cells of the grid, in map units. */
export interface CellGrid {
  readonly x: number; // center of the first cell
  readonly y: number;
  readonly cell: number; // side of a cell
}

/** The positions of a layout and their bounding box. */
export interface BoundedLayout extends Layout {
  readonly box: Box;
}

function vector(values: readonly number[]): Vector {
  return [values[0] ?? 0, values[1] ?? 0, values[2] ?? 0];
}

function layMap(manifest: Manifest, positions: Float32Array): BoundedLayout {
  const { n_dimensions, level_ends, lower, upper } = manifest;
  return {
    positions,
    dimensions: n_dimensions,
    chunks: new Chunks(positions, n_dimensions, level_ends),
    box: { lower: vector(lower), upper: vector(upper) },
  };
}

/** The grid fills the map's box, so that items move short distances. */
function cellGrid(manifest: Manifest): CellGrid {
  const { lower, upper } = manifest;
  const columns = manifest.grid?.n_columns ?? 1;
  const rows = manifest.grid?.n_rows ?? 1;
  const [width, height] = [upper[0]! - lower[0]!, upper[1]! - lower[1]!];
  const tight = Math.min(width / columns, height / rows);
  const cell = (tight > 0 ? tight : Math.max(width, height) / Math.max(columns, rows)) || LONE_CELL;
  return {
    x: (lower[0]! + upper[0]!) / 2 - (cell * (columns - 1)) / 2,
    y: (lower[1]! + upper[1]!) / 2 - (cell * (rows - 1)) / 2,
    cell,
  };
}

function layGrid(manifest: Manifest, cells: Uint16Array): BoundedLayout {
  const { x, y, cell } = cellGrid(manifest);
  const positions = new Float32Array(cells.length);
  const lower: [number, number, number] = [Infinity, Infinity, 0];
  const upper: [number, number, number] = [-Infinity, -Infinity, 0];
  for (let i = 0; i < cells.length; i++) {
    const axis = i % 2;
    const at = (axis === 0 ? x : y) + cells[i]! * cell;
    positions[i] = at;
    lower[axis] = Math.min(lower[axis]!, at - cell / 2);
    upper[axis] = Math.max(upper[axis]!, at + cell / 2);
  }
  return {
    positions,
    dimensions: 2,
    chunks: new Chunks(positions, 2, manifest.level_ends),
    box: { lower, upper },
  };
}

/** The two layouts, and the animated change from one to the other. */
export class Layouts {
  readonly map: BoundedLayout;
  readonly cellGrid: CellGrid;
  cells: Uint16Array | null = null;
  wanted: LayoutName = "map";
  /** 0: map, 1: grid. Between them while items move. */
  blend = 0;
  private grid: BoundedLayout | null = null;
  private move: { readonly from: number; readonly to: number; readonly started: number } | null =
    null;

  constructor(
    private readonly manifest: Manifest,
    positions: Float32Array,
  ) {
    this.map = layMap(manifest, positions);
    this.cellGrid = cellGrid(manifest);
  }

  get moving(): boolean {
    return this.move !== null;
  }

  /** The positions of the wanted layout, even while items are still moving. */
  get target(): BoundedLayout {
    return this.wanted === "grid" && this.grid ? this.grid : this.map;
  }

  /** The position of an item; z is 0 in two dimensions. */
  positionOf(item: number): Vector {
    return positionOf(this.target, item);
  }

  setCells(cells: Uint16Array): void {
    this.cells = cells;
    this.grid = layGrid(this.manifest, cells);
  }

  /** Start the animated change to the wanted layout. */
  start(): void {
    const to = this.target === this.grid ? 1 : 0;
    this.move = { from: this.blend, to, started: timeMs() };
  }

  /** Advance the change of layout. Returns whether items have moved. */
  advance(reducedMotion: boolean): boolean {
    if (!this.move) return false;
    const { from, to, started } = this.move;
    const t = reducedMotion ? 1 : Math.min((timeMs() - started) / MOVE_MS, 1);
    this.blend = from + (to - from) * easeInOut(t);
    if (t >= 1) this.move = null;
    return true;
  }

  /** The bounding box of items. */
  boxOf(items: Uint32Array): Box {
    const lower: [number, number, number] = [Infinity, Infinity, Infinity];
    const upper: [number, number, number] = [-Infinity, -Infinity, -Infinity];
    for (const item of items) {
      for (const [axis, at] of this.positionOf(item).entries()) {
        lower[axis] = Math.min(lower[axis]!, at);
        upper[axis] = Math.max(upper[axis]!, at);
      }
    }
    return { lower, upper };
  }
}
