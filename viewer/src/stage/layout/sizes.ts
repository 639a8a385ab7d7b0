/** Sizes of points and images as functions of the zoom, in CSS pixels. */
import type { Size } from "../camera/projection";

/** Width of the rim around the image of a selected or matched item. */
export const IMAGE_RIM_PX = 2;

// Longer side of an image on the map, and the largest where the whole map is visible.
const LEAST_IMAGE_PX = 32;
const MOST_IMAGE_PX = 160;
const MOST_WHOLE_IMAGE_PX = 160;
const FIRST_SIZES_PX = [24, 16]; // at which images are chosen before they grow
const MOST_GROWN_PX = 256; // larger images would be blurred
const MOST_GROWTH = 1.2; // the largest image, as a multiple of the common size
// Number of items per image area above which images have gaps, and the number of doublings of the
// items up to which the gaps grow to the size of an image.
const CROWDED = 40;
const GAP_DOUBLINGS = 5;
const LEAST_CELL_DEVICE_PX = 8; // in the grid; smaller cells are squares in their class's color
const GAP_PX = 2; // between two images with their borders
const LEAST_MARGIN_PX = 28;

// Share of the stage that the map fills.
const FILLED_SHARE = 0.6;
// Sizes of points and images: factor * room^exponent, times zoom^exponent; room is the area per item.
const POINT_FACTOR = 0.9;
const POINT_ROOM_EXPONENT = 0.36;
const POINT_ZOOM_EXPONENT = 0.3;
const [LEAST_WHOLE_POINT_PX, MOST_WHOLE_POINT_PX] = [1.1, 8]; // where the whole map is visible
const [LEAST_POINT_PX, MOST_POINT_PX] = [1, 12];
const IMAGE_FACTOR = 0.8;
const IMAGE_ZOOM_EXPONENT = 0.35;
// Opacity of points whose total area is the area of the map, its decrease for twice as many, bounds.
const CROWDED_OPACITY = 0.75;
const OPACITY_PER_DOUBLING = 0.12;
const [LEAST_OPACITY, MOST_OPACITY] = [0.45, 0.95];
// Width of the border as a share of the image's side; thin on tiny images.
const BORDER_SHARE = 1 / 28;
const TINY_BORDER = 1 / 140; // times the side squared, up to TINY_BORDER_PX
const TINY_BORDER_PX = 1.5;
const MOST_BORDER_PX = 3;

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** Area of the stage per item where the whole map is visible, in square pixels. */
function room(size: Size, nItems: number): number {
  return (FILLED_SHARE * size.width * size.height) / Math.max(nItems, 1);
}

/** Diameter of a point; `zoom` is 1 where the whole map is visible. */
export function pointSize(size: Size, nItems: number, zoom: number): number {
  const base = clamp(
    POINT_FACTOR * room(size, nItems) ** POINT_ROOM_EXPONENT,
    LEAST_WHOLE_POINT_PX,
    MOST_WHOLE_POINT_PX,
  );
  return clamp(base * zoom ** POINT_ZOOM_EXPONENT, LEAST_POINT_PX, MOST_POINT_PX);
}

/** Opacity of a point: lower where many overlap, so that dense regions are visible. */
export function pointOpacity(size: Size, nItems: number, zoom: number): number {
  const crowd = pointSize(size, nItems, zoom) ** 2 / (room(size, nItems) * zoom * zoom);
  const opacity = CROWDED_OPACITY - OPACITY_PER_DOUBLING * Math.log2(crowd);
  return clamp(opacity, LEAST_OPACITY, MOST_OPACITY);
}

/** Longer side of an image on the map. */
export function imageSize(size: Size, nItems: number, zoom: number): number {
  const base = IMAGE_FACTOR * Math.sqrt(room(size, nItems));
  const whole = clamp(base, LEAST_IMAGE_PX, MOST_WHOLE_IMAGE_PX);
  return clamp(whole * zoom ** IMAGE_ZOOM_EXPONENT, LEAST_IMAGE_PX, Math.max(MOST_IMAGE_PX, whole));
}

/**
 * Distance of images on the map, as a multiple of their size. When zoomed out, the points between
 * images show the classes. When zoomed in, images touch.
 */
function spread(size: Size, nItems: number, zoom: number): number {
  const crowd = imageSize(size, nItems, zoom) ** 2 / (room(size, nItems) * zoom * zoom);
  return 1 + clamp(Math.log2(crowd / CROWDED) / GAP_DOUBLINGS, 0, 1);
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
  const factors = FIRST_SIZES_PX.map((px) => px / imagePx);
  const most = clamp(MOST_GROWN_PX / imagePx, 1, MOST_GROWTH);
  return { factors, most, share: imagePx / distance };
}

export function borderSize(imagePx: number): number {
  const least = Math.min(TINY_BORDER_PX, TINY_BORDER * imagePx ** 2);
  return clamp(BORDER_SHARE * imagePx, least, MOST_BORDER_PX);
}

/** Margin around items that are fitted into the stage, for images of this size. */
export function fitMargin(imagePx: number): number {
  return Math.max(LEAST_MARGIN_PX, imagePx / 2 + borderSize(imagePx) + IMAGE_RIM_PX);
}

/** Longer side of an image in a grid cell. */
function inCell(cell: number): number {
  return Math.max(1, Math.floor(cell - Math.min(GAP_PX, cell / 10) - 2 * borderSize(cell)));
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

const STEPS_PER_DOUBLING = 4; // of the zoom
const ROUNDING = 0.999; // neighbors in the grid must not count as overlapping
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
    return { from, to, hasRoom, distance: cells.side * from * ROUNDING, at: side, fill: null };
  }
  const at = (zoomed: number) => imageSize(size, nItems, zoomed);
  const own = at(from) + 2 * borderSize(at(from)) + GAP_PX;
  const apart = spread(size, nItems, from);
  const fill = apart > 1 ? null : fillOf(at(from), own);
  return { from, to, hasRoom: () => true, distance: own * apart, at, fill };
}
