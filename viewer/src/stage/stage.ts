/**
 * The stage: what draws the map and knows where things are. It knows nothing of panels; the panels
 * know nothing of WebGL. Items are places in the bundle's order throughout.
 */

export type Layout = "map" | "grid";
/** points: never images. images: images wherever they fit, points elsewhere. */
export type Drawing = "points" | "images";
/**
 * What draws the points: WebGL, or the processor, which is faster where WebGL itself is software.
 * `auto` chooses by the browser's WebGL renderer.
 */
export type PointRenderer = "auto" | "webgl" | "cpu";
/** What a drag does. */
export type Tool = "pan" | "lasso" | "rectangle";
export type Direction = "left" | "right" | "up" | "down";

/** A PNG's longest side: what browsers allow a canvas. */
export const MOST_PNG_PX = 16_384;

/** Bits of an item's state, one byte an item. */
export const HIDDEN = 1; // not drawn, not picked: its class is off, or a filter leaves it out
export const DIMMED = 2; // drawn faint: a search or a selection is on, and it is no part of it
export const SELECTED = 4;
export const MATCHED = 8; // lit: the search found it

export interface View {
  /** Center of the view, in the map's own coordinates. */
  readonly center: readonly [number, number, number];
  /** Pixels (CSS) a unit of the map's coordinates. */
  readonly scale: number;
  /** 3-D maps: the turn as a unit quaternion; [0, 0, 0, 1] otherwise. */
  readonly turn: readonly [number, number, number, number];
}

export interface Point {
  readonly x: number; // CSS pixels from the stage's left
  readonly y: number; // CSS pixels from the stage's top
}

/** A part of the stage: CSS pixels from its left and top. */
export interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface Theme {
  readonly background: string; // #rrggbb
  readonly highlight: string; // #rrggbb, around the hovered item
}

/** Draws on a picture that is `ratio` times as large as the stage. */
export type Painter = (paper: CanvasRenderingContext2D, ratio: number) => void;

export interface StageEvents {
  /** The pointer rests on an item, or on none. */
  hover(item: number | null, at: Point): void;
  /** A click or tap on an item, or beside all; `add` with Shift held. */
  click(item: number | null, add: boolean): void;
  /** The view has moved, by the user or by a call. */
  view(view: View): void;
  /** A lasso or rectangle was closed; `add` with Shift held. */
  selected(items: Uint32Array, add: boolean): void;
  /** The WebGL context was lost, or is back. */
  context(lost: boolean): void;
}

export interface Stage {
  /** One color an item: an index into `palette` ("#rrggbb") for each; 65535 for the neutral color. */
  setColors(codes: Uint16Array, palette: readonly string[]): void;
  /** One byte an item, of the bits above; null is all zero. Copied to the GPU at once. */
  setStates(states: Uint8Array | null): void;
  /** Moves smoothly, unless the person asks for reduced motion; fails where the grid cannot be read. */
  setLayout(layout: Layout): Promise<void>;
  setDrawing(drawing: Drawing): void;
  setTheme(theme: Theme): void;
  setTool(tool: Tool): void;
  /** Ring around one item: hovered in a list, or open in the panel. */
  setFocus(item: number | null): void;
  /** A mark at a place of the map that no item stands for: a dropped image, shown beside it. */
  setMarker(at: readonly number[] | null, image: Blob | null): void;

  view(): View;
  setView(view: View, smooth?: boolean): void;
  /** Show all, or these, in a part of the stage; one place alone from no farther than now. */
  fit(items: Uint32Array | null, area: Area, smooth: boolean): void;
  zoom(factor: number): void;
  /** Move the map by CSS pixels, as a drag does. */
  pan(dx: number, dy: number, smooth?: boolean): void;
  /** Show a map position, (x, y) or (x, y, z), in the middle of a part of the stage. */
  center(position: readonly number[], area: Area, smooth: boolean): void;
  locate(item: number): Point | null; // null if hidden
  /** The next item from `item` in a direction, for the keyboard. */
  next(item: number | null, direction: Direction): number | null;
  /** Whether nothing but empty room is seen. */
  empty(): boolean;
  /** The whole view as a PNG of any size, drawn anew and not merely scaled; `above` comes last. */
  png(width: number, height: number, above?: Painter | null): Promise<Blob>;
  destroy(): void;
}
