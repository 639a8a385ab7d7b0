/** What the stage shows: the view, the layout, the colors and states of the items, and their sizes. */
import type { Manifest } from "../contract";
import { timeMs } from "../time";
import { Camera, type CameraOptions } from "./camera/camera";
import type { Size } from "./camera/projection";
import { parseColor } from "./gl";
import { Layouts } from "./layout/layouts";
import type { Region } from "./layout/region";
import {
  fitMargin,
  IMAGE_RIM_PX,
  leastCell,
  pointOpacity,
  pointSize,
  type Sizing,
  sizingFor,
} from "./layout/sizes";
import { Appearance } from "./points/appearance";
import type { FrameState } from "./renderer";
import type { Drawing, Theme } from "./stage";

const MOST_CELL_PX = 256; // in the grid; larger images would be blurred
// Side of the square of an item in the grid, as a share of the cell: alone, and behind its image,
// where it must not be visible beside a narrow image.
const SQUARE_SHARE = 0.86;
const COVERED_SQUARE_SHARE = 0.3;
const MOST_SQUARE_PX = 24;

export interface StateOptions extends Omit<CameraOptions, "nItems"> {
  readonly manifest: Manifest;
  readonly positions: Float32Array; // shape (n, dimensions)
  readonly theme: Theme;
}

export class StageState {
  readonly layouts: Layouts;
  readonly items: Appearance;
  readonly camera: Camera;
  drawing: Drawing = "points";
  cropped = false;
  focus: number | null = null;
  /** The sizes of images at the current zoom; they stay the same within a step of the zoom. */
  sizing: Sizing;

  private readonly manifest: Manifest;
  private readonly reducedMotion: () => boolean;

  constructor({ manifest, positions, theme, ...view }: StateOptions) {
    this.manifest = manifest;
    this.reducedMotion = view.reducedMotion;
    this.layouts = new Layouts(manifest, positions);
    this.items = new Appearance(manifest.n_items, theme);
    const { box } = this.layouts.map;
    this.camera = new Camera(box, { ...view, nItems: manifest.n_items });
    this.sizing = this.sizingAt(1);
  }

  resize(size: Size): void {
    this.camera.size = size;
    this.sizing = this.sizingAt(this.camera.zoom);
  }

  /** Advance all animations by a frame. Returns whether the view or the items have moved. */
  advance(): boolean {
    const { camera, layouts } = this;
    const moved = camera.advance(timeMs());
    const laid = layouts.advance(this.reducedMotion());
    if (camera.zoom < this.sizing.from || camera.zoom > this.sizing.to) {
      this.sizing = this.sizingAt(camera.zoom);
    }
    return moved || laid;
  }

  /** Start the change to the wanted layout. */
  startLayoutChange(): void {
    const { camera, layouts } = this;
    layouts.start();
    camera.closest = layouts.wanted === "grid" ? MOST_CELL_PX / layouts.cellGrid.cell : Infinity;
    this.sizing = this.sizingAt(camera.zoom);
  }

  /** The margin around items that are fitted into the stage, in CSS pixels. */
  get fitMargin(): number {
    return fitMargin(this.drawing === "images" ? this.sizingAt(1).at(1) : 0);
  }

  get imagesTooSmall(): boolean {
    return this.drawing === "images" && !this.sizing.hasRoom(this.camera.zoom);
  }

  /** Diameter of a point, or side of a square in the grid, in CSS pixels. */
  get pointPx(): number {
    const { camera, sizing, drawing } = this;
    const { blend, cellGrid } = this.layouts;
    if (blend < 1) return pointSize(camera.size, this.manifest.n_items, camera.zoom);
    const share =
      drawing === "images" && sizing.hasRoom(camera.zoom) ? COVERED_SQUARE_SHARE : SQUARE_SHARE;
    return Math.min(Math.max(share * cellGrid.cell * camera.current.scale, 1), MOST_SQUARE_PX);
  }

  /** What a frame shows; `still` while the view rests. */
  frameState(still: boolean): FrameState {
    const { layouts, items, sizing, drawing, cropped, camera, focus } = this;
    const { map, target, cellGrid, blend, cells } = layouts;
    const { states, filter, theme } = items;
    const opaque = blend === 1 || map.dimensions === 3;
    return {
      view: camera.current,
      size: camera.size,
      pixelRatio: window.devicePixelRatio,
      zoom: camera.zoom,
      layout: target,
      positions: map.positions,
      dimensions: map.dimensions,
      pointPx: this.pointPx,
      pointOpacity: opaque ? 1 : pointOpacity(camera.size, this.manifest.n_items, camera.zoom),
      depth: camera.depth,
      settled: !layouts.moving,
      fades: !this.reducedMotion(),
      still,
      background: parseColor(theme.background),
      highlight: parseColor(theme.highlight),
      colorOf: (item) => items.colorOf(item),
      bounds: this.bounds,
      ...{ focus, cropped, blend, cells, states, filter, sizing, drawing, cellGrid },
    };
  }

  /** The region of the map that is visible when the whole map is fitted into the stage. */
  private get bounds(): Region {
    const { box } = this.layouts.map;
    const { lower, upper } = box;
    const { width, height } = this.camera.size;
    const stage = { left: 0, right: width, top: 0, bottom: height };
    const { scale } = this.camera.whole(box, stage, this.fitMargin);
    const margin = (this.fitMargin - IMAGE_RIM_PX) / scale;
    return {
      left: lower[0] - margin,
      right: upper[0] + margin,
      bottom: lower[1] - margin,
      top: upper[1] + margin,
    };
  }

  private sizingAt(zoom: number): Sizing {
    const { wanted, cellGrid } = this.layouts;
    const cells = {
      side: cellGrid.cell * this.camera.fitScale,
      least: leastCell(window.devicePixelRatio),
    };
    const { n_items } = this.manifest;
    return sizingFor(this.camera.size, n_items, zoom, wanted === "grid" ? cells : null);
  }
}
