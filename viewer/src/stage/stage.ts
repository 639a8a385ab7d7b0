/**
 * The stage draws the map and knows the position of each item. It does not depend on the panels,
 * and the panels do not depend on WebGL. Items are indices in the bundle's order.
 */

import type { Arrays } from "../bundle/arrays";
import type { Thumbnails } from "../bundle/thumbnails";
import type { Manifest, RegionName } from "../contract";

export type LayoutName = "map" | "grid";
/** points: no images. images: images where they do not overlap, points elsewhere. */
export type Drawing = "points" | "images";
/**
 * What draws the points: WebGL, or the processor, which is faster where WebGL itself is software.
 * `auto` chooses by the browser's WebGL renderer.
 */
export type PointRenderer = "auto" | "webgl" | "cpu";
/** The effect of a drag. */
export type Tool = "pan" | "lasso" | "rectangle";
export type Direction = "left" | "right" | "up" | "down";

/** Longest side of a PNG: the largest canvas that browsers allow. */
export const MOST_PNG_PX = 16_384;

/** How chosen items change the selection: Shift adds, Alt or Ctrl subtracts. */
export type SelectMode = "replace" | "add" | "subtract";

/** Bits of an item's state; one byte per item. */
export const HIDDEN = 1; // not drawn and not picked: its class is hidden, or a filter excludes it
export const DIMMED = 2; // drawn faintly: a search or selection is active that does not include it
export const SELECTED = 4;
export const MATCHED = 8; // highlighted: the search found it
export const FADED = 16; // drawn faintly, but its image stays where it is: the pointer is on a class

export interface View {
  /** Center of the view, in map coordinates. */
  readonly center: readonly [number, number, number];
  /** CSS pixels per map unit. */
  readonly scale: number;
  /** Rotation of a 3-D map as a unit quaternion; [0, 0, 0, 1] otherwise. */
  readonly turn: readonly [number, number, number, number];
}

export interface Point {
  readonly x: number; // CSS pixels from the left edge of the stage
  readonly y: number; // CSS pixels from the top edge of the stage
}

/** A rectangle on the stage, in CSS pixels. */
export interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** The part of the stage that no panel covers, except for a panel in its corner at the top right. */
export interface ClearArea extends Area {
  readonly corner: { readonly left: number; readonly bottom: number } | null;
}

export interface Theme {
  readonly background: string; // #rrggbb
  readonly highlight: string; // #rrggbb, for the ring around the hovered item
}

/** The name of a class or a region on the map. */
export interface MapName {
  /** The name is written at the position of this item, or above the item. */
  readonly item: number;
  readonly isAbove: boolean;
  readonly text: string;
  readonly color: string; // #rrggbb
  readonly sizePx: number; // CSS pixels
  /** The name is hidden below this zoom; the zoom is 1 where the whole map fits on the stage. */
  readonly fromZoom: number;
  /** Null for the name of a class. */
  readonly region: RegionName | null;
}

/** Draws on a picture that is `ratio` times as large as the stage. */
export type Painter = (paper: CanvasRenderingContext2D, ratio: number) => void;

export interface StageEvents {
  /**
   * The pointer is over an item, or over none. Over the name of a region, the item is the image
   * that represents the region.
   */
  hover(item: number | null, at: Point, region: RegionName | null): void;
  /** A click or tap on an item or on the name of a region, or on neither. */
  click(item: number | null, mode: SelectMode): void;
  /** The view has changed, by a gesture or a call. */
  view(view: View): void;
  /** A lasso or rectangle was closed. */
  selected(items: Uint32Array, mode: SelectMode): void;
  /** The WebGL context was lost, or was restored. */
  context(lost: boolean): void;
}

/** What a stage draws, and where. */
export interface StageOptions {
  readonly element: HTMLElement;
  readonly manifest: Manifest;
  readonly arrays: Arrays;
  readonly thumbnails: Thumbnails;
  readonly theme: Theme;
  readonly events: StageEvents;
  readonly points: PointRenderer;
}

export interface Stage {
  /** Color the items: one index into `palette` ("#rrggbb") per item; 65535 is neutral. */
  setColors(codes: Uint16Array, palette: readonly string[]): void;
  /** Set the state bits of each item; null is all zero. The array is copied. */
  setStates(states: Uint8Array | null): void;
  /** Change the layout, animated unless the user prefers reduced motion. May fail to read. */
  setLayout(layout: LayoutName): Promise<void>;
  setDrawing(drawing: Drawing): void;
  /** Crop images to squares, or show them whole. */
  setCropped(cropped: boolean): void;
  /** Write names on the map, the most important first; names that would overlap are left out. */
  setNames(names: readonly MapName[]): void;
  /** Set the part of the stage that no panel covers, in which the names are written. */
  setClearArea(area: Area): void;
  setTheme(theme: Theme): void;
  setTool(tool: Tool): void;
  /** Draw a ring around an item. */
  setFocus(item: number | null): void;
  /** Draw lines from an item or a map position to items, and rings around these items. */
  setLinks(from: number | readonly number[] | null, to: readonly number[]): void;
  /** Mark a map position, and show an image next to the mark; null removes the mark. */
  setMarker(at: readonly number[] | null, image: Blob | null): void;

  view(): View;
  setView(view: View, smooth?: boolean): void;
  /** Fit all items, or these, into a part of the stage. A single item does not zoom out. */
  fit(items: Uint32Array | null, area: ClearArea, smooth: boolean): void;
  zoom(factor: number): void;
  /** Move the map by CSS pixels, as a drag does. */
  pan(dx: number, dy: number, smooth?: boolean): void;
  /** Show a map position, (x, y) or (x, y, z), in the middle of a part of the stage. */
  center(position: readonly number[], area: Area, smooth: boolean): void;
  locate(item: number): Point | null; // null if hidden
  /** The next item from `item` in a direction, for the keyboard. */
  next(item: number | null, direction: Direction): number | null;
  /** Whether the view shows no item. */
  empty(): boolean;
  /** Whether the grid's cells are too small for images. Zooming in shows them. */
  imagesTooSmall(): boolean;
  /** Render the view as a PNG of any size; `above` is drawn last. */
  png(width: number, height: number, above?: Painter | null): Promise<Blob>;
  destroy(): void;
}
