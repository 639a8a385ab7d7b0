/** The stage itself: one canvas, one view, one picture of it, drawn only when something changes. */
import type { Arrays } from "../bundle/arrays";
import type { Thumbnails } from "../bundle/thumbnails";
import type { Manifest } from "../contract";
import type {
  Area,
  Direction,
  Drawing,
  Layout,
  Point,
  Stage,
  StageEvents,
  Theme,
  Tool,
  View,
} from "../stage";
import { Appearance } from "./appearance";
import { project, type Size, turned } from "./camera";
import { nearest, nextItem, within } from "./finder";
import { type Gestures, listen } from "./gestures";
import { parseColor } from "./gl";
import { Layouts } from "./layout";
import { type Outline, Overlay } from "./overlay";
import { Picture, type Situation } from "./picture";
import { shoot } from "./png";
import { borderSize, pointOpacity, pointSize, type Sizing, sizingFor } from "./sizes";
import { Viewpoint } from "./viewpoint";

const REACH_PX = 6; // beyond a point's edge
const TOUCH_REACH_PX = 16;

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
    layouts.wanted = layout;
    if (layout === "map" || layouts.cells) this.rearrange();
    else await this.loadGrid();
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

  setMarker(at: readonly number[] | null): void {
    this.marker = at;
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
    const some = items && items.length > 0;
    eye.go(some ? eye.near(layouts.boxOf(items), area) : eye.whole(layouts.laid.box, area), smooth);
  }

  zoom(factor: number): void {
    const { width, height } = this.eye.size;
    this.eye.zoomAt(factor, { x: width / 2, y: height / 2 }, true);
  }

  pan(dx: number, dy: number): void {
    this.eye.pan(dx, dy);
  }

  locate(item: number): Point | null {
    if (this.items.isHidden(item)) return null;
    return project(this.eye.current, this.eye.size, this.layouts.placeOf(item));
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

  async png(width: number, height: number): Promise<Blob> {
    const { picture, thumbnails } = this;
    const shot = shoot({ picture, thumbnails, situation: this.situation() }, width, height);
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
    this.drawOverlay();
    if (this.told !== eye.current) {
      this.told = eye.current;
      this.events.view(eye.current);
    }
    if (more || eye.moving || this.layouts.moving) this.wake();
  }

  private situation(): Situation {
    const { layouts, items, sizing, drawing, eye } = this;
    const { map, laid, frame, blend, cells } = layouts;
    const { states, filter, theme } = items;
    // A point stands in for its image, and is not to be seen behind a narrow one.
    const share = drawing === "images" && sizing.room ? 0.3 : 0.86;
    const square = Math.min(Math.max(share * frame.cell * eye.current.scale, 1), 24);
    return {
      view: eye.current,
      size: eye.size,
      pixelRatio: window.devicePixelRatio,
      zoom: eye.zoom,
      places: laid,
      positions: map.positions,
      dimensions: map.dimensions,
      pointPx: blend === 1 ? square : this.pointPx,
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
      ...{ blend, cells, states, filter, sizing, drawing, frame },
    };
  }

  private drawOverlay(): void {
    this.overlay.setRing("hover", this.outline(this.hovered));
    this.overlay.setRing("focus", this.outline(this.focus));
    const { marker, eye } = this;
    const [x = 0, y = 0, z = 0] = marker ?? [];
    const shown = marker !== null && this.layouts.wanted === "map";
    this.overlay.setMarker(shown ? project(eye.current, eye.size, [x, y, z]) : null);
  }

  private outline(item: number | null): Outline | null {
    const at = item === null ? null : this.locate(item);
    if (item === null || !at) return null;
    if (!this.picture.gallery.has(item)) {
      const radius = this.situation().pointPx / 2 + 4;
      return { at, halfWidth: radius, halfHeight: radius, round: this.layouts.blend < 1 };
    }
    const { halfWidth, halfHeight } = this.imageHalves(item);
    return { at, halfWidth: halfWidth + 1.5, halfHeight: halfHeight + 1.5, round: false };
  }

  /** Half the sides of an item's image, with its border: CSS pixels. */
  private imageHalves(item: number): { halfWidth: number; halfHeight: number } {
    const side = this.sizing.at(this.eye.zoom);
    const [width, height] = this.picture.gallery.shape(item);
    const border = borderSize(side);
    return { halfWidth: (side * width) / 2 + border, halfHeight: (side * height) / 2 + border };
  }

  // Pointer, size and context

  private listen(): void {
    const gestures: Gestures = {
      pan: (dx, dy) => this.eye.pan(dx, dy),
      turn: (from, to) => this.eye.go(turned(this.eye.goal, this.eye.size, from, to), false),
      zoom: (factor, at, smooth) => this.eye.zoomAt(factor, at, smooth),
      hover: (at) => this.hover(at),
      click: (at, touch, add) => this.events.click(this.pick(at, touch), add),
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

  private hover(at: Point | null): void {
    const item = at ? this.pick(at, false) : null;
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

  private pick(at: Point, touch: boolean): number | null {
    for (const item of this.picture.gallery.items()) {
      const middle = this.locate(item);
      if (!middle) continue;
      const { halfWidth, halfHeight } = this.imageHalves(item);
      if (Math.abs(at.x - middle.x) <= halfWidth && Math.abs(at.y - middle.y) <= halfHeight)
        return item;
    }
    const reach = this.situation().pointPx / 2 + (touch ? TOUCH_REACH_PX : REACH_PX);
    return nearest(
      this.layouts.laid,
      this.items.states,
      this.eye.current,
      this.eye.size,
      at,
      reach,
    );
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

  private get pointPx(): number {
    return pointSize(this.eye.size, this.manifest.n_items, this.eye.zoom);
  }

  private sizingAt(zoom: number): Sizing {
    const { wanted, frame } = this.layouts;
    const cell = wanted === "grid" ? frame.cell * this.eye.fitScale : null;
    return sizingFor(this.eye.size, this.manifest.n_items, zoom, cell);
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
    if (this.layouts.wanted === "grid") this.rearrange();
  }

  private rearrange(): void {
    this.layouts.start();
    this.sizing = this.sizingAt(this.eye.zoom);
    this.redraw();
  }
}
