/** The stage itself: one canvas, one view, one picture of it, drawn only when something changes. */
import type { Arrays } from "../bundle/arrays";
import type { Thumbnails } from "../bundle/thumbnails";
import type { Manifest } from "../contract";
import type {
  Area,
  Direction,
  Drawing,
  Layout,
  Painter,
  Point,
  Stage,
  StageEvents,
  Theme,
  Tool,
  View,
} from "../stage";
import { Appearance } from "./appearance";
import { project, type Size, turned } from "./camera";
import { isEmpty, nearest, nextItem, within } from "./finder";
import { type Gestures, listen } from "./gestures";
import { parseColor } from "./gl";
import { type Kept, keepInSight, keptView } from "./keeping";
import { Layouts, MOVE_MS } from "./layout";
import { Overlay } from "./overlay";
import { Picture, type Situation } from "./picture";
import { shoot } from "./png";
import { locate, outline, pick, type Sight } from "./pointing";
import { fitMargin, leastCell, pointOpacity, pointSize, type Sizing, sizingFor } from "./sizes";
import { Viewpoint } from "./viewpoint";

const MOST_CELL_PX = 256; // of the grid: a larger image would only be blurred

export class MapStage implements Stage {
  private readonly canvas = document.createElement("canvas");
  private readonly overlay: Overlay;
  private readonly layouts: Layouts;
  private readonly items: Appearance;
  private picture: Picture;
  private readonly stops: (() => void)[] = [];
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)");

  private readonly eye: Viewpoint;
  private told: View | null = null;
  private drawing: Drawing = "points";
  private sizing: Sizing;
  private tool: Tool = "pan";

  private focus: number | null = null;
  private hovered: number | null = null;
  /** Where the pointer stays while the wheel moves the view beneath it. */
  private resting: Point | null = null;
  private marker: readonly number[] | null = null;

  private asked = 0; // the next frame; 0 where none is asked for
  private gone = false;
  private stale = true; // the points must be drawn anew

  constructor(
    private readonly element: HTMLElement,
    private readonly manifest: Manifest,
    private readonly arrays: Arrays,
    private readonly thumbnails: Thumbnails,
    theme: Theme,
    private readonly events: StageEvents,
  ) {
    const { style } = this.canvas;
    Object.assign(style, { position: "absolute", inset: "0", width: "100%", height: "100%" });
    this.layouts = new Layouts(manifest, arrays.positions);
    this.items = new Appearance(manifest.n_items, theme);
    const calm = () => this.calm.matches;
    this.eye = new Viewpoint(this.layouts.map.box, this.measured(), manifest.n_items, calm, () =>
      this.wake(),
    );
    this.sizing = this.sizingAt(1);
    this.fitCanvas();
    this.picture = this.makePicture(); // may throw: before the page has changed
    element.style.touchAction = "none";
    if (getComputedStyle(element).position === "static") element.style.position = "relative";
    element.append(this.canvas);
    this.overlay = new Overlay(element, theme);
    this.listen();
    thumbnails.arrived = () => this.wake();
    this.retint();
  }

  // What the panels ask for

  setColors(codes: Uint16Array, palette: readonly string[]): void {
    this.items.setColors(codes, palette);
    this.retint();
  }

  setStates(states: Uint8Array | null): void {
    this.items.setStates(states);
    this.retint();
  }

  async setLayout(layout: Layout): Promise<void> {
    const { layouts } = this;
    if (layout === layouts.wanted) return;
    const kept = keepInSight(this.sight, this.focus);
    layouts.wanted = layout;
    if (layout === "grid" && !layouts.cells) await this.loadGrid();
    if (layouts.wanted === layout && !this.gone) this.rearrange(kept);
  }

  setDrawing(drawing: Drawing): void {
    this.drawing = drawing;
    if (drawing === "points") this.picture.gallery.clear();
    this.wake();
  }

  setTheme(theme: Theme): void {
    this.items.theme = theme;
    this.overlay.setTheme(theme);
    this.retint();
  }

  setTool(tool: Tool): void {
    this.tool = tool;
    this.overlay.setLasso([]);
    this.showCursor();
  }

  setFocus(item: number | null): void {
    this.focus = item;
    this.wake();
  }

  setMarker(at: readonly number[] | null, image: Blob | null): void {
    this.marker = at;
    this.overlay.setMarkerImage(image);
    this.wake();
  }

  view(): View {
    return this.eye.goal;
  }

  setView(view: View, smooth = false): void {
    this.eye.go(view, smooth);
  }

  fit(items: Uint32Array | null, area: Area, smooth: boolean): void {
    const { eye, layouts } = this;
    const margin = fitMargin(this.drawing === "images" ? this.sizingAt(1).at(1) : 0);
    if (items && items.length > 0) eye.go(eye.near(layouts.boxOf(items), area, margin), smooth);
    else eye.go(eye.whole(layouts.laid.box, area, margin), smooth);
  }

  zoom(factor: number): void {
    const { width, height } = this.eye.size;
    this.eye.zoomAt(factor, { x: width / 2, y: height / 2 }, true);
  }

  pan(dx: number, dy: number): void {
    this.eye.pan(dx, dy);
  }

  locate(item: number): Point | null {
    return locate(this.sight, item);
  }

  next(item: number | null, direction: Direction): number | null {
    const { laid } = this.layouts;
    const { states } = this.items;
    const { current, size } = this.eye;
    const at = item === null ? null : this.locate(item);
    if (item !== null && at) return nextItem(laid, states, current, size, { item, at }, direction);
    const middle = { x: size.width / 2, y: size.height / 2 };
    return nearest(laid, states, current, size, middle, size.width + size.height);
  }

  empty(): boolean {
    return isEmpty(this.layouts.laid, this.items.states, this.eye.current, this.eye.size);
  }

  async png(width: number, height: number, above: Painter | null = null): Promise<Blob> {
    const { picture, thumbnails } = this;
    const shot = shoot({ picture, thumbnails, situation: this.situation(), above }, width, height);
    this.redraw();
    return shot;
  }

  destroy(): void {
    this.gone = true;
    cancelAnimationFrame(this.asked);
    for (const stop of this.stops) stop();
    this.thumbnails.arrived = () => {};
    this.thumbnails.want([]);
    this.picture.dispose();
    this.overlay.remove();
    this.canvas.remove();
  }

  // The frame

  private wake(): void {
    if (this.asked === 0 && !this.gone) {
      this.asked = requestAnimationFrame((now) => {
        this.asked = 0;
        this.draw(now);
      });
    }
  }

  private redraw(): void {
    this.stale = true;
    this.wake();
  }

  private draw(now: number): void {
    const { picture, eye } = this;
    if (picture.gl.isContextLost()) return;
    if (!picture.pace.ready(now)) {
      this.wake();
      return;
    }
    if (this.canvas.width !== this.pixels(eye.size.width)) this.resize(); // on another screen
    if (eye.advance(performance.now())) this.stale = true;
    if (this.layouts.advance(this.calm.matches)) this.stale = true;
    // images keep their sizing until the zoom leaves its step
    if (eye.zoom < this.sizing.from || eye.zoom > this.sizing.to)
      this.sizing = this.sizingAt(eye.zoom);
    const more = picture.draw(this.situation(), now, this.stale);
    this.stale = false;
    const moved = this.told !== eye.current;
    if (moved) this.leave();
    this.drawOverlay();
    if (moved) {
      this.told = eye.current;
      this.events.view(eye.current);
    }
    if (more || eye.moving || this.layouts.moving) this.wake();
    else if (this.resting) this.hover(this.resting);
  }

  private situation(): Situation {
    const { layouts, items, sizing, drawing, eye } = this;
    const { map, laid, frame, blend, cells } = layouts;
    const { states, filter, theme } = items;
    return {
      view: eye.current,
      size: eye.size,
      pixelRatio: window.devicePixelRatio,
      zoom: eye.zoom,
      places: laid,
      positions: map.positions,
      dimensions: map.dimensions,
      pointPx: this.pointPx,
      pointOpacity:
        blend === 1 || map.dimensions === 3
          ? 1
          : pointOpacity(eye.size, this.manifest.n_items, eye.zoom),
      depth: eye.depth,
      settled: !layouts.moving,
      fades: !this.calm.matches,
      still: !this.stale,
      background: parseColor(theme.background),
      highlight: parseColor(theme.highlight),
      colorOf: (item) => items.colorOf(item),
      focus: this.focus,
      ...{ blend, cells, states, filter, sizing, drawing, frame },
    };
  }

  private drawOverlay(): void {
    const { marker, eye, sight } = this;
    this.overlay.setRing("hover", outline(sight, this.hovered));
    this.overlay.setRing("focus", outline(sight, this.focus));
    const [x = 0, y = 0, z = 0] = marker ?? [];
    const shown = marker !== null && this.layouts.wanted === "map";
    this.overlay.setMarker(shown ? project(eye.current, eye.size, [x, y, z]) : null);
  }

  // Pointer, size and context

  private listen(): void {
    const gestures: Gestures = {
      pan: (dx, dy) => this.eye.pan(dx, dy),
      turn: (from, to) => this.eye.go(turned(this.eye.goal, this.eye.size, from, to), false),
      zoom: (factor, at, smooth) => this.eye.zoomAt(factor, at, smooth),
      hover: (at) => this.hover(at),
      rest: (at) => {
        this.resting = at;
      },
      click: (at, touch, add) => this.events.click(pick(this.sight, at, touch), add),
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
      event.preventDefault(); // or it never comes back
      if (!this.gone) this.events.context(true);
    };
    this.canvas.addEventListener("webglcontextlost", lost);
    this.canvas.addEventListener("webglcontextrestored", restored);
    this.stops.push(
      () => observer.disconnect(),
      () => this.canvas.removeEventListener("webglcontextrestored", restored),
    );
  }

  /** What the pointer was on has gone from under it; nothing is drawn, and the view tells. */
  private leave(): void {
    if (this.hovered === null) return;
    this.hovered = null;
    this.showCursor();
  }

  private hover(at: Point | null): void {
    this.resting = null;
    const item = at ? pick(this.sight, at, false) : null;
    if (item === null && this.hovered === null) return;
    this.hovered = item;
    this.showCursor();
    this.wake();
    this.events.hover(item, at ?? { x: 0, y: 0 });
  }

  private showCursor(): void {
    const idle = this.tool === "pan" ? "grab" : "crosshair";
    this.element.style.cursor = this.hovered === null ? idle : "pointer";
  }

  private inside(polygon: readonly Point[]): Uint32Array {
    return within(this.layouts.laid, this.items.states, this.eye.current, this.eye.size, polygon);
  }

  private measured(): Size {
    const { clientWidth, clientHeight } = this.element;
    return { width: Math.max(clientWidth, 1), height: Math.max(clientHeight, 1) };
  }

  private fitCanvas(): void {
    const { width, height } = this.eye.size;
    this.canvas.width = this.pixels(width);
    this.canvas.height = this.pixels(height);
  }

  private pixels(css: number): number {
    return Math.max(1, Math.round(css * window.devicePixelRatio));
  }

  private resize(): void {
    this.eye.size = this.measured();
    this.fitCanvas();
    this.picture.resize();
    this.sizing = this.sizingAt(this.eye.zoom);
    this.redraw();
  }

  private makePicture(): Picture {
    const { canvas, manifest, thumbnails } = this;
    const { map } = this.layouts;
    const changed = () => this.wake();
    return new Picture(
      canvas,
      map.positions,
      map.dimensions,
      manifest.level_ends,
      thumbnails,
      changed,
    );
  }

  private restore(): void {
    this.picture.gallery.close();
    this.picture = this.makePicture();
    const { cells } = this.layouts;
    if (cells) this.picture.layer.setGrid(cells);
    this.retint();
    this.events.context(false);
  }

  // Data

  /** A point's diameter, or a square's side in the grid. */
  private get pointPx(): number {
    const { eye, sizing, drawing } = this;
    const { blend, frame } = this.layouts;
    if (blend < 1) return pointSize(eye.size, this.manifest.n_items, eye.zoom);
    // A point stands in for its image, and is not to be seen behind a narrow one.
    const share = drawing === "images" && sizing.room ? 0.3 : 0.86;
    return Math.min(Math.max(share * frame.cell * eye.current.scale, 1), 24);
  }

  private get sight(): Sight {
    const { eye, layouts, items, sizing, pointPx } = this;
    return { eye, layouts, items, gallery: this.picture.gallery, sizing, pointPx };
  }

  private sizingAt(zoom: number): Sizing {
    const { wanted, frame } = this.layouts;
    const cells = {
      side: frame.cell * this.eye.fitScale,
      least: leastCell(window.devicePixelRatio),
    };
    const { n_items } = this.manifest;
    return sizingFor(this.eye.size, n_items, zoom, wanted === "grid" ? cells : null);
  }

  private retint(): void {
    this.picture.layer.setTints(...this.items.drawn());
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
    if (this.gone) return;
    this.layouts.setCells(cells);
    this.picture.layer.setGrid(cells);
  }

  private rearrange(kept: Kept | null): void {
    const { eye, layouts } = this;
    layouts.start();
    eye.closest = layouts.wanted === "grid" ? MOST_CELL_PX / layouts.frame.cell : Infinity;
    this.sizing = this.sizingAt(eye.zoom);
    // a view that came meanwhile, as from an address, is of the new layout
    if (kept && kept.view === eye.goal) eye.go(keptView(kept, this.sight), true, MOVE_MS);
    this.redraw();
  }
}
