/** The stage: one canvas and one view, drawn only when something changes. */
import type { Arrays } from "../bundle/arrays";
import type { Thumbnails } from "../bundle/thumbnails";
import type { Manifest } from "../contract";
import { type Anchor, anchoredView, findAnchor } from "./anchor";
import { Camera } from "./camera/camera";
import { project, type Size, turned } from "./camera/projection";
import { parseColor } from "./gl";
import { isEmpty, nearest, nextItem, within } from "./input/find-items";
import { type Gestures, listen } from "./input/gestures";
import { locate, outline, pick, type StageSnapshot } from "./input/pointing";
import { Layouts, MOVE_MS } from "./layout/layouts";
import {
  fitMargin,
  leastCell,
  pointOpacity,
  pointSize,
  type Sizing,
  sizingFor,
} from "./layout/sizes";
import { Overlay } from "./overlay";
import { shoot } from "./png";
import { Appearance } from "./points/appearance";
import { type FrameState, Renderer } from "./renderer";
import type {
  Area,
  Direction,
  Drawing,
  Layout,
  Painter,
  Point,
  PointRenderer,
  Stage,
  StageEvents,
  Theme,
  Tool,
  View,
} from "./stage";

const MOST_CELL_PX = 256; // in the grid; larger images would be blurred

export class MapStage implements Stage {
  private readonly canvas = document.createElement("canvas");
  private readonly overlay: Overlay;
  private readonly layouts: Layouts;
  private readonly items: Appearance;
  private renderer: Renderer;
  private readonly stops: (() => void)[] = [];
  private readonly reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

  private readonly camera: Camera;
  private reported: View | null = null;
  private drawing: Drawing = "points";
  private sizing: Sizing;
  private tool: Tool = "pan";

  private focus: number | null = null;
  private hovered: number | null = null;
  /** Position of the pointer while the wheel moves the view. */
  private resting: Point | null = null;
  private marker: readonly number[] | null = null;

  private frameRequest = 0; // id of the requested animation frame; 0 if none is requested
  private destroyed = false;
  private stale = true; // the points must be drawn again

  constructor(
    private readonly element: HTMLElement,
    private readonly manifest: Manifest,
    private readonly arrays: Arrays,
    private readonly thumbnails: Thumbnails,
    theme: Theme,
    private readonly events: StageEvents,
    private readonly points: PointRenderer,
  ) {
    const { style } = this.canvas;
    Object.assign(style, { position: "absolute", inset: "0", width: "100%", height: "100%" });
    this.layouts = new Layouts(manifest, arrays.positions);
    this.items = new Appearance(manifest.n_items, theme);
    const reducedMotion = () => this.reducedMotion.matches;
    this.camera = new Camera(
      this.layouts.map.box,
      this.measured(),
      manifest.n_items,
      reducedMotion,
      () => this.requestFrame(),
    );
    this.sizing = this.sizingAt(1);
    this.fitCanvas();
    this.renderer = this.makeRenderer(); // may throw, so it comes before any change of the page
    element.style.touchAction = "none";
    if (getComputedStyle(element).position === "static") element.style.position = "relative";
    element.append(this.canvas);
    this.overlay = new Overlay(element, theme);
    this.listen();
    thumbnails.arrived = () => this.requestFrame();
    this.updateColors();
  }

  // The Stage interface

  setColors(codes: Uint16Array, palette: readonly string[]): void {
    this.items.setColors(codes, palette);
    this.updateColors();
  }

  setStates(states: Uint8Array | null): void {
    this.items.setStates(states);
    this.updateColors();
  }

  async setLayout(layout: Layout): Promise<void> {
    const { layouts } = this;
    if (layout === layouts.wanted) return;
    const anchor = findAnchor(this.snapshot, this.focus);
    layouts.wanted = layout;
    if (layout === "grid" && !layouts.cells) await this.loadGrid();
    if (layouts.wanted === layout && !this.destroyed) this.startLayoutChange(anchor);
  }

  setDrawing(drawing: Drawing): void {
    this.drawing = drawing;
    if (drawing === "points") this.renderer.gallery.clear();
    this.requestFrame();
  }

  setTheme(theme: Theme): void {
    this.items.theme = theme;
    this.overlay.setTheme(theme);
    this.updateColors();
  }

  setTool(tool: Tool): void {
    this.tool = tool;
    this.overlay.setLasso([]);
    this.showCursor();
  }

  setFocus(item: number | null): void {
    this.focus = item;
    this.requestFrame();
  }

  setMarker(at: readonly number[] | null, image: Blob | null): void {
    this.marker = at;
    this.overlay.setMarkerImage(image);
    this.requestFrame();
  }

  view(): View {
    return this.camera.target;
  }

  setView(view: View, smooth = false): void {
    this.camera.go(view, smooth);
  }

  fit(items: Uint32Array | null, area: Area, smooth: boolean): void {
    const { camera, layouts } = this;
    const margin = fitMargin(this.drawing === "images" ? this.sizingAt(1).at(1) : 0);
    if (items && items.length > 0)
      camera.go(camera.near(layouts.boxOf(items), area, margin), smooth);
    else camera.go(camera.whole(layouts.target.box, area, margin), smooth);
  }

  zoom(factor: number): void {
    const { width, height } = this.camera.size;
    this.camera.zoomAt(factor, { x: width / 2, y: height / 2 }, true);
  }

  pan(dx: number, dy: number, smooth = false): void {
    this.camera.pan(dx, dy, smooth);
  }

  center([x = 0, y = 0, z = 0]: readonly number[], area: Area, smooth: boolean): void {
    const { camera } = this;
    camera.go(camera.centered({ ...camera.target, center: [x, y, z] }, area), smooth);
  }

  locate(item: number): Point | null {
    return locate(this.snapshot, item);
  }

  next(item: number | null, direction: Direction): number | null {
    const { target } = this.layouts;
    const { states } = this.items;
    const { current, size } = this.camera;
    const at = item === null ? null : this.locate(item);
    if (item !== null && at)
      return nextItem(target, states, current, size, { item, at }, direction);
    const middle = { x: size.width / 2, y: size.height / 2 };
    return nearest(target, states, current, size, middle, size.width + size.height);
  }

  empty(): boolean {
    return isEmpty(this.layouts.target, this.items.states, this.camera.current, this.camera.size);
  }

  imagesTooSmall(): boolean {
    return this.drawing === "images" && !this.sizing.hasRoom(this.camera.zoom);
  }

  async png(width: number, height: number, above: Painter | null = null): Promise<Blob> {
    const { renderer, thumbnails } = this;
    const shot = shoot(
      { renderer, thumbnails, frameState: this.frameState(), above },
      width,
      height,
    );
    this.redraw();
    return shot;
  }

  destroy(): void {
    this.destroyed = true;
    cancelAnimationFrame(this.frameRequest);
    for (const stop of this.stops) stop();
    this.thumbnails.arrived = () => {};
    this.thumbnails.want([]);
    this.renderer.dispose();
    this.overlay.remove();
    this.canvas.remove();
  }

  // Frames

  private requestFrame(): void {
    if (this.frameRequest === 0 && !this.destroyed) {
      this.frameRequest = requestAnimationFrame((now) => {
        this.frameRequest = 0;
        this.draw(now);
      });
    }
  }

  private redraw(): void {
    this.stale = true;
    this.requestFrame();
  }

  private draw(now: number): void {
    const { renderer, camera } = this;
    if (renderer.gl.isContextLost()) return;
    if (!renderer.frameBudget.ready(now)) {
      this.requestFrame();
      return;
    }
    if (this.canvas.width !== this.pixels(camera.size.width)) this.resize(); // another screen
    if (camera.advance(performance.now())) this.stale = true;
    if (this.layouts.advance(this.reducedMotion.matches)) this.stale = true;
    // the image sizes stay the same within a zoom step
    if (camera.zoom < this.sizing.from || camera.zoom > this.sizing.to)
      this.sizing = this.sizingAt(camera.zoom);
    const more = renderer.draw(this.frameState(), now, this.stale);
    this.stale = false;
    const moved = this.reported !== camera.current;
    if (moved) this.leave();
    this.drawOverlay();
    if (moved) {
      this.reported = camera.current;
      this.events.view(camera.current);
    }
    if (more || camera.moving || this.layouts.moving) this.requestFrame();
    else if (this.resting) this.hover(this.resting);
  }

  private frameState(): FrameState {
    const { layouts, items, sizing, drawing, camera } = this;
    const { map, target, frame, blend, cells } = layouts;
    const { states, filter, theme } = items;
    return {
      view: camera.current,
      size: camera.size,
      pixelRatio: window.devicePixelRatio,
      zoom: camera.zoom,
      places: target,
      positions: map.positions,
      dimensions: map.dimensions,
      pointPx: this.pointPx,
      pointOpacity:
        blend === 1 || map.dimensions === 3
          ? 1
          : pointOpacity(camera.size, this.manifest.n_items, camera.zoom),
      depth: camera.depth,
      settled: !layouts.moving,
      fades: !this.reducedMotion.matches,
      still: !this.stale,
      background: parseColor(theme.background),
      highlight: parseColor(theme.highlight),
      colorOf: (item) => items.colorOf(item),
      focus: this.focus,
      ...{ blend, cells, states, filter, sizing, drawing, frame },
    };
  }

  private drawOverlay(): void {
    const { marker, camera, snapshot } = this;
    this.overlay.setRing("hover", outline(snapshot, this.hovered));
    this.overlay.setRing("focus", outline(snapshot, this.focus));
    const [x = 0, y = 0, z = 0] = marker ?? [];
    const shown = marker !== null && this.layouts.wanted === "map";
    this.overlay.setMarker(shown ? project(camera.current, camera.size, [x, y, z]) : null);
  }

  // Pointer, size and context

  private listen(): void {
    const gestures: Gestures = {
      pan: (dx, dy) => this.camera.pan(dx, dy),
      turn: (from, to) =>
        this.camera.go(turned(this.camera.target, this.camera.size, from, to), false),
      zoom: (factor, at, smooth) => this.camera.zoomAt(factor, at, smooth),
      hover: (at) => this.hover(at),
      rest: (at) => {
        this.resting = at;
      },
      click: (at, touch, add) => this.events.click(pick(this.snapshot, at, touch), add),
      outline: (points, closed, add) => {
        this.overlay.setLasso(closed ? [] : points);
        if (closed && points.length > 2) this.events.selected(this.inside(points), add);
      },
    };
    this.stops.push(
      listen(this.element, this.manifest.n_dimensions === 3, () => this.tool, gestures),
    );
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(this.element);
    const restored = () => this.restore();
    const lost = (event: Event) => {
      event.preventDefault(); // required for the context to be restored
      if (!this.destroyed) this.events.context(true);
    };
    this.canvas.addEventListener("webglcontextlost", lost);
    this.canvas.addEventListener("webglcontextrestored", restored);
    this.stops.push(
      () => observer.disconnect(),
      () => this.canvas.removeEventListener("webglcontextrestored", restored),
    );
  }

  /** The view has moved the hovered item away: drop it. The view event tells the panels. */
  private leave(): void {
    if (this.hovered === null) return;
    this.hovered = null;
    this.showCursor();
  }

  private hover(at: Point | null): void {
    this.resting = null;
    const item = at ? pick(this.snapshot, at, false) : null;
    if (item === null && this.hovered === null) return;
    this.hovered = item;
    this.showCursor();
    this.requestFrame();
    this.events.hover(item, at ?? { x: 0, y: 0 });
  }

  private showCursor(): void {
    const idle = this.tool === "pan" ? "grab" : "crosshair";
    this.element.style.cursor = this.hovered === null ? idle : "pointer";
  }

  private inside(polygon: readonly Point[]): Uint32Array {
    return within(
      this.layouts.target,
      this.items.states,
      this.camera.current,
      this.camera.size,
      polygon,
    );
  }

  private measured(): Size {
    const { clientWidth, clientHeight } = this.element;
    return { width: Math.max(clientWidth, 1), height: Math.max(clientHeight, 1) };
  }

  private fitCanvas(): void {
    const { width, height } = this.camera.size;
    this.canvas.width = this.pixels(width);
    this.canvas.height = this.pixels(height);
  }

  private pixels(css: number): number {
    return Math.max(1, Math.round(css * window.devicePixelRatio));
  }

  private resize(): void {
    this.camera.size = this.measured();
    this.fitCanvas();
    this.renderer.resize();
    this.sizing = this.sizingAt(this.camera.zoom);
    this.redraw();
  }

  private makeRenderer(): Renderer {
    const { canvas, manifest, thumbnails } = this;
    const { map } = this.layouts;
    const changed = () => this.requestFrame();
    return new Renderer(
      canvas,
      map.positions,
      map.dimensions,
      manifest.level_ends,
      thumbnails,
      this.points,
      changed,
    );
  }

  private restore(): void {
    this.renderer.gallery.close();
    this.renderer = this.makeRenderer();
    const { cells } = this.layouts;
    if (cells) this.renderer.layer.setGrid(cells);
    this.updateColors();
    this.events.context(false);
  }

  // Derived values

  /** Diameter of a point, or side of a square in the grid, in CSS pixels. */
  private get pointPx(): number {
    const { camera, sizing, drawing } = this;
    const { blend, frame } = this.layouts;
    if (blend < 1) return pointSize(camera.size, this.manifest.n_items, camera.zoom);
    // A point stands in for its image, and must not show behind a narrow image.
    const share = drawing === "images" && sizing.hasRoom(camera.zoom) ? 0.3 : 0.86;
    return Math.min(Math.max(share * frame.cell * camera.current.scale, 1), 24);
  }

  private get snapshot(): StageSnapshot {
    const { camera, layouts, items, sizing, pointPx } = this;
    return { camera, layouts, items, gallery: this.renderer.gallery, sizing, pointPx };
  }

  private sizingAt(zoom: number): Sizing {
    const { wanted, frame } = this.layouts;
    const cells = {
      side: frame.cell * this.camera.fitScale,
      least: leastCell(window.devicePixelRatio),
    };
    const { n_items } = this.manifest;
    return sizingFor(this.camera.size, n_items, zoom, wanted === "grid" ? cells : null);
  }

  private updateColors(): void {
    this.renderer.layer.setTints(...this.items.drawn());
    this.redraw();
  }

  private async loadGrid(): Promise<void> {
    let cells: Uint16Array | null;
    try {
      cells = await this.arrays.grid();
    } catch (error) {
      this.layouts.wanted = "map";
      throw error;
    }
    if (!cells) throw new Error("This map has no grid view: its manifest names no cells.");
    if (this.destroyed) return;
    this.layouts.setCells(cells);
    this.renderer.layer.setGrid(cells);
  }

  private startLayoutChange(anchor: Anchor | null): void {
    const { camera, layouts } = this;
    layouts.start();
    camera.closest = layouts.wanted === "grid" ? MOST_CELL_PX / layouts.frame.cell : Infinity;
    this.sizing = this.sizingAt(camera.zoom);
    // a view that was set meanwhile, such as one from the address, is for the new layout
    if (anchor && anchor.view === camera.target)
      camera.go(anchoredView(anchor, this.snapshot), true, MOVE_MS);
    this.redraw();
  }
}
