/** The resources on the GPU, and the drawing of a frame. Created again after a lost context. */
import type { Thumbnails } from "../bundle/thumbnails";
import { matrix } from "./camera/projection";
import { type Color, context, isSoftware } from "./gl";
import { Gallery } from "./images/gallery";
import { ImagePass } from "./images/image-pass";
import type { Scene } from "./images/scene";
import type { ItemRange } from "./layout/chunks";
import type { CellGrid } from "./layout/layouts";
import { regionAround, viewAxes } from "./layout/region";
import { borderSize, IMAGE_RIM_PX } from "./layout/sizes";
import { CpuLayer } from "./points/cpu-layer";
import { FrameBudget } from "./points/frame-budget";
import { GpuLayer } from "./points/gpu-layer";
import type { PointLayer } from "./points/point-layer";
import { type PointLook, PointPass } from "./points/point-pass";
import type { Drawing, PointRenderer } from "./stage";

const PRESENT_MS = 90; // interval at which an incomplete drawing is shown
const POINT_MARGIN_PX = 4; // tolerance: points near the edge of the stage are drawn too
// Hysteresis in the number of levels: the share of the budget up to which a level is added, and
// above which a level is dropped.
const ADD_LEVEL = 0.95;
const DROP_LEVEL = 1.25;

/** All that a frame shows. */
export interface FrameState extends Scene {
  readonly cellGrid: CellGrid;
  readonly blend: number; // 0: map, 1: grid
  readonly drawing: Drawing;
  readonly pointPx: number; // CSS pixels
  readonly pointOpacity: number;
  readonly depth: number;
  readonly background: Color;
  readonly highlight: Color;
}

export function pointLook(of: FrameState): PointLook {
  const { cellGrid, blend, pixelRatio } = of;
  return {
    matrix: matrix(of.view, of.size, of.depth),
    cellGrid: [cellGrid.x, cellGrid.y, cellGrid.cell, cellGrid.cell],
    blend,
    sizePx: of.pointPx * pixelRatio,
    opacity: of.pointOpacity,
    pixelRatio,
    deep: of.dimensions === 3,
    square: blend === 1,
    background: of.background,
    highlight: of.highlight,
  };
}

/** The ranges of items in the view, in the bundle's order. */
export function rangesIn(of: FrameState): ItemRange[] {
  if (!of.settled) return [[0, of.positions.length / of.dimensions]];
  const region = regionAround(of.view, of.size, of.pointPx + POINT_MARGIN_PX);
  const ranges: ItemRange[] = [];
  of.layout.chunks.visit(region, viewAxes(of.view), (start, end) => ranges.push([start, end]));
  return ranges;
}

/** The data of a map that the renderer draws. */
export interface RendererOptions {
  readonly positions: Float32Array; // shape (n, dimensions)
  readonly dimensions: number;
  readonly levelEnds: readonly number[]; // the end of each level, as in the manifest
  readonly thumbnails: Thumbnails;
  readonly points: PointRenderer;
  /** Called when new data needs another frame. */
  changed(): void;
}

export class Renderer {
  readonly gl: WebGL2RenderingContext;
  readonly layer: PointLayer;
  readonly gallery: Gallery;
  readonly frameBudget: FrameBudget;
  private readonly images: ImagePass;
  private readonly levelEnds: readonly number[];
  private presented = 0;
  private level = 0;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    { positions, dimensions, levelEnds, thumbnails, points, changed }: RendererOptions,
  ) {
    this.levelEnds = levelEnds;
    this.gl = context(canvas);
    this.frameBudget = new FrameBudget(this.gl);
    const byCpu = points === "auto" ? isSoftware(this.gl) : points === "cpu";
    this.layer = byCpu
      ? new CpuLayer(this.gl, positions, dimensions)
      : new GpuLayer(this.gl, new PointPass(this.gl, positions, dimensions), this.frameBudget);
    canvas.dataset["points"] = byCpu ? "cpu" : "webgl";
    this.images = new ImagePass(this.gl);
    this.gallery = new Gallery(this.gl, thumbnails, canvas.width * canvas.height, changed);
    this.resize();
  }

  resize(): void {
    this.layer.resize(this.canvas.width, this.canvas.height);
  }

  /** Draw a frame; `stale` if the points have changed. Returns whether another frame is needed. */
  draw(of: FrameState, now: number, stale: boolean): boolean {
    const { layer, gallery, frameBudget } = this;
    const before = layer.drawn;
    if (stale) {
      const ranges = rangesIn(of);
      layer.restart(pointLook(of), ranges);
      layer.advance(this.affordable(ranges));
    } else if (!layer.done) {
      layer.advance(layer.restingBudget);
    }
    const drawn = stale ? layer.drawn : layer.drawn - before;
    const lively = of.drawing === "images" && gallery.update(of, now);
    if (stale || lively || layer.done || now - this.presented > PRESENT_MS) {
      this.presented = now;
      layer.present();
      if (of.drawing === "images") this.drawImages(of);
    }
    frameBudget.sent(now, drawn);
    return lively || !layer.done;
  }

  dispose(): void {
    this.gallery.close();
    this.gl.getExtension("WEBGL_lose_context")?.loseContext(); // frees all GPU resources
  }

  /** Number of points of `ranges` that make up whole levels and fit into a frame. */
  private affordable(ranges: readonly ItemRange[]): number {
    const counts = this.levelEnds.map(() => 0);
    let level = 0;
    let total = 0;
    for (const [start, end] of ranges) {
      for (let at = start; at < end; ) {
        while (this.levelEnds[level]! <= at) level++;
        const until = Math.min(end, this.levelEnds[level]!);
        total += until - at;
        counts[level] = total;
        at = until;
      }
    }
    for (let i = 1; i < counts.length; i++) counts[i] = Math.max(counts[i]!, counts[i - 1]!);
    const fits = (i: number, ease: number) => counts[i]! <= this.layer.budget * ease;
    let best = Math.min(this.level, counts.length - 1);
    while (best > 0 && !fits(best, DROP_LEVEL)) best--;
    while (best + 1 < counts.length && fits(best + 1, ADD_LEVEL)) best++;
    this.level = best;
    return Math.max(counts[best] ?? 0, 1);
  }

  private drawImages(of: FrameState): void {
    const { size, pixelRatio } = of;
    const side = of.sizing.at(of.zoom);
    this.images.draw(
      {
        ...pointLook(of),
        width: size.width * pixelRatio,
        height: size.height * pixelRatio,
        imagePx: side * pixelRatio,
        borderPx: borderSize(side) * pixelRatio,
        rimPx: IMAGE_RIM_PX * pixelRatio,
      },
      this.gallery.atlas.texture,
      this.gallery.data,
      this.gallery.count,
    );
  }
}
