/** How large points and images are drawn, by how far one has zoomed in. CSS pixels. */
import type { Size } from "../camera/projection";

/** What is selected or matched has a rim around its image. */
export const IMAGE_RIM_PX = 2;

const LEAST_IMAGE = 32;
const MOST_IMAGE = 128;
// In the grid view smaller images than these are none: points serve better. Where a screen's own pixels
// are finer, as a phone's are, smaller ones can be made out.
const LEAST_CELL = { fewest: 10, most: 16, ownPixels: 24 };
const GAP = 2;
const LEAST_MARGIN = 28;

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** Pixels of the stage there are for each item where the whole map is seen. */
function room(size: Size, nItems: number): number {
  return (0.6 * size.width * size.height) / Math.max(nItems, 1);
}

/** A point's diameter; `zoom` is 1 where the whole map is seen. */
export function pointSize(size: Size, nItems: number, zoom: number): number {
  const base = clamp(0.9 * room(size, nItems) ** 0.36, 1.1, 8);
  return clamp(base * zoom ** 0.3, 1, 12);
}

/** A point's opacity: less where many lie above one another, so that dense regions show as such. */
export function pointOpacity(size: Size, nItems: number, zoom: number): number {
  const crowd = pointSize(size, nItems, zoom) ** 2 / (room(size, nItems) * zoom * zoom);
  return clamp(0.75 - 0.12 * Math.log2(crowd), 0.45, 0.95);
}

/** An image's longest side on the map. */
export function imageSize(size: Size, nItems: number, zoom: number): number {
  const base = clamp(0.8 * Math.sqrt(room(size, nItems)), LEAST_IMAGE, 72);
  return clamp(base * zoom ** 0.35, LEAST_IMAGE, Math.max(MOST_IMAGE, base));
}

/**
 * How far apart images stand on the map, as a multiple of their size: far out the points between
 * them show the classes; closer in, where few items share the room of an image, they touch.
 */
function spread(size: Size, nItems: number, zoom: number): number {
  const crowd = imageSize(size, nItems, zoom) ** 2 / (room(size, nItems) * zoom * zoom);
  return 1 + clamp(Math.log2(crowd / 40) / 5, 0, 1);
}

export function borderSize(imagePx: number): number {
  return clamp(imagePx / 28, Math.min(1.5, imagePx / 10), 3);
}

/** What is left around the places that are shown whole, where the images are this large. */
export function fitMargin(imagePx: number): number {
  return Math.max(LEAST_MARGIN, imagePx / 2 + borderSize(imagePx) + IMAGE_RIM_PX);
}

/** An image's longest side in a cell. */
function inCell(cell: number): number {
  return Math.max(1, Math.floor(cell - Math.min(GAP, cell / 10) - 2 * borderSize(cell)));
}

/** How images are sized and spread from one step of the zoom to the next. */
export interface Sizing {
  /** Zoom from which on this holds: no two images overlap at this or a greater one. */
  readonly from: number;
  /** Where it ends. */
  readonly to: number;
  /** False in a grid of cells that are too small for images. */
  readonly room: boolean;
  /** Centers' distance at `from`, in pixels. */
  readonly distance: number;
  /** An image's longest side at a zoom. */
  at(zoom: number): number;
}

const STEPS_PER_DOUBLING = 4;
const SLACK = 0.96; // zooming to and fro across a step's edge changes nothing

/** The side from which on a cell shows its image, on a screen with so many pixels a CSS pixel. */
export function leastCell(pixelRatio: number): number {
  return clamp(LEAST_CELL.ownPixels / pixelRatio, LEAST_CELL.fewest, LEAST_CELL.most);
}

/** The grid's cells at zoom 1, and from which side on they show their images. */
export interface Cells {
  readonly side: number;
  readonly least: number;
}

/** The sizing of the step that a zoom lies in; `cells` is null on the map. */
export function sizingFor(size: Size, nItems: number, zoom: number, cells: Cells | null): Sizing {
  const step = Math.floor(Math.log2(zoom) * STEPS_PER_DOUBLING);
  const from = SLACK * 2 ** (step / STEPS_PER_DOUBLING);
  const to = 2 ** ((step + 1) / STEPS_PER_DOUBLING);
  if (cells !== null) {
    const side = (at: number) => inCell(cells.side * at);
    const room = cells.side * from >= cells.least;
    return { from, to, room, distance: cells.side * from * 0.999, at: side };
  }
  const at = (zoomed: number) => imageSize(size, nItems, zoomed);
  const own = at(from) + 2 * borderSize(at(from)) + GAP;
  return { from, to, room: true, distance: own * spread(size, nItems, from), at };
}
