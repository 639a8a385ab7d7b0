/** The part of a frame's state that the images depend on. */
import type { Size } from "../camera/projection";
import type { Color } from "../gl";
import type { Layout } from "../layout/positions";
import type { Region } from "../layout/region";
import type { Sizing } from "../layout/sizes";
import type { View } from "../stage";

/** What the images of a frame depend on. */
export interface Scene {
  readonly view: View;
  readonly size: Size;
  readonly pixelRatio: number;
  readonly zoom: number; // 1 where the whole map is visible
  readonly layout: Layout;
  readonly sizing: Sizing;
  readonly states: Uint8Array | null;
  /** Changes whenever other items are hidden or dimmed. */
  readonly filter: number;
  readonly positions: Float32Array;
  readonly dimensions: number;
  readonly cells: Uint16Array | null;
  /** The hovered or open item. Its image is always shown, above others if necessary. */
  readonly focus: number | null;
  readonly colorOf: (item: number) => Color;
  /** False while items move between layouts: the shown images then stay the same. */
  readonly settled: boolean;
  /** True if images are cropped to squares. */
  readonly cropped: boolean;
  /** The region of the map that is visible at first, with its margin. */
  readonly bounds: Region | null;
  readonly fades: boolean;
  /** True while the view rests and there is time to load images. */
  readonly still: boolean;
}
