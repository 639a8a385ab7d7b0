/** Sizes of points and images as functions of the zoom, in CSS pixels. */
import type { Size } from "../camera/projection";

/** Width of the rim around the image of a selected or matched item. */
export const IMAGE_RIM_PX = 2;

const LEAST_IMAGE = 32;
const MOST_IMAGE = 160;
const MOST_WHOLE_IMAGE = 160; // at the zoom that shows the whole map
const FIRST_SIZES = [24, 16]; // at which images are chosen before they grow
const MOST_GROWN = 256; // larger images would be blurred
const MOST_GROWTH = 1.6;
const CROWDED = 40; // Number of items per image area above which images have gaps.
const LEAST_CELL_DEVICE_PX = 8; // in the grid; smaller cells are squares in their class's color
const GAP = 2;
const LEAST_MARGIN = 28;

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** Area of the stage per item where the whole map is visible, in square pixels. */
function room(size: Size, nItems: number): number {
  return (0.6 * size.width * size.height) / Math.max(nItems, 1);
}

/** Diameter of a point; `zoom` is 1 where the whole map is visible. */
export function pointSize(size: Size, nItems: number, zoom: number): number {
  const base = clamp(0.9 * room(size, nItems) ** 0.36, 1.1, 8);
  return clamp(base * zoom ** 0.3, 1, 12);
}

/** Opacity of a point: lower where many overlap, so that dense regions are visible. */
export function pointOpacity(size: Size, nItems: number, zoom: number): number {
  const crowd = pointSize(size, nItems, zoom) ** 2 / (room(size, nItems) * zoom * zoom);
  return clamp(0.75 - 0.12 * Math.log2(crowd), 0.45, 0.95);
}

/** Longer side of an image on the map. */
export function imageSize(size: Size, nItems: number, zoom: number): number {
  const base = clamp(0.8 * Math.sqrt(room(size, nItems)), LEAST_IMAGE, MOST_WHOLE_IMAGE);
  return clamp(base * zoom ** 0.35, LEAST_IMAGE, Math.max(MOST_IMAGE, base));
}

/**
 * Distance of images on the map, as a multiple of their size. When zoomed out, the points between
 * images show the classes. When zoomed in, images touch.
 */
function spread(size: Size, nItems: number, zoom: number): number {
  const crowd = imageSize(size, nItems, zoom) ** 2 / (room(size, nItems) * zoom * zoom);
  return 1 + clamp(Math.log2(crowd / CROWDED) / 5, 0, 1);
}

/** The sizes of images that grow into the room around them, as multiples of the common size. */
export interface Fill {
  /** The sizes at which images are chosen, the largest first. */
  readonly factors: readonly number[];
  /** The size up to which an image grows. */
  readonly most: number;
  /** The common size as a share of `Sizing.distance`; the rest is border and gap. */
  readonly share: number;
}

function fillOf(imagePx: number, distance: number): Fill {
  const factors = FIRST_SIZES.map((px) => px / imagePx);
  const most = clamp(MOST_GROWN / imagePx, 1, MOST_GROWTH);
  return { factors, most, share: imagePx / distance };
}

export function borderSize(imagePx: number): number {
  return clamp(imagePx / 28, Math.min(1.5, imagePx ** 2 / 140), 3); // thin on tiny images
}

/** Margin around items that are fitted into the stage, for images of this size. */
export function fitMargin(imagePx: number): number {
  return Math.max(LEAST_MARGIN, imagePx / 2 + borderSize(imagePx) + IMAGE_RIM_PX);
}

/** Longer side of an image in a grid cell. */
function inCell(cell: number): number {
  return Math.max(1, Math.floor(cell - Math.min(GAP, cell / 10) - 2 * borderSize(cell)));
}

/** Sizes and distances of images within one step of the zoom. */
export interface Sizing {
  /** The least zoom of the step: no two images overlap at this zoom or a larger one. */
  readonly from: number;
  /** The largest zoom of the step. */
  readonly to: number;
  /** False if the grid's cells are too small for images at a zoom. */
  hasRoom(zoom: number): boolean;
  /** Distance of the centers of two images at `from`, in pixels. */
  readonly distance: number;
  /** Longer side of an image of the common size at a zoom. */
  at(zoom: number): number;
  /** The other sizes of images; null if all images have the common size. */
  readonly fill: Fill | null;
}

const STEPS_PER_DOUBLING = 4;
const SLACK = 0.96; // overlap of the steps, so that a small zoom across a boundary changes no sizes

/** The side, in CSS pixels, of the smallest cell that shows its image. */
export function leastCell(pixelRatio: number): number {
  return LEAST_CELL_DEVICE_PX / pixelRatio;
}

/** Side of the grid's cells at zoom 1, and the least side that shows images. */
export interface Cells {
  readonly side: number;
  readonly least: number;
}

/** The sizing for a zoom; `cells` is null on the map. */
export function sizingFor(size: Size, nItems: number, zoom: number, cells: Cells | null): Sizing {
  const step = Math.floor(Math.log2(zoom) * STEPS_PER_DOUBLING);
  const from = SLACK * 2 ** (step / STEPS_PER_DOUBLING);
  const to = 2 ** ((step + 1) / STEPS_PER_DOUBLING);
  if (cells !== null) {
    const side = (at: number) => inCell(cells.side * at);
    const hasRoom = (at: number) => cells.side * at >= cells.least;
    return { from, to, hasRoom, distance: cells.side * from * 0.999, at: side, fill: null };
  }
  const at = (zoomed: number) => imageSize(size, nItems, zoomed);
  const own = at(from) + 2 * borderSize(at(from)) + GAP;
  const apart = spread(size, nItems, from);
  const fill = apart > 1 ? null : fillOf(at(from), own);
  return { from, to, hasRoom: () => true, distance: own * apart, at, fill };
}
