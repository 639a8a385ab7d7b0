/** The stage: one canvas and one view, drawn only when something changes. */

import { on } from "../events";
import { type Anchor, anchoredView, findAnchor } from "./anchor";
import { project, type Size } from "./camera/projection";
import { isEmpty, nearest, nextItem } from "./input/find-items";
import { Pointer } from "./input/pointer";
import { linkOutline, locate, outline, type StageSnapshot, scopeOf } from "./input/pointing";
import { MOVE_MS } from "./layout/layouts";
import type { LocatedItem } from "./names/name-layer";
import { Overlay } from "./overlay";
import { shoot } from "./png";
import { Renderer } from "./renderer";
import type {
  Area,
  ClearArea,
  Direction,
  Drawing,
  LayoutName,
  MapName,
  Painter,
  Point,
  Stage,
  StageOptions,
  Theme,
  Tool,
  View,
} from "./stage";
import { StageState } from "./stage-state";
import { wholeView } from "./whole-view";

export class MapStage implements Stage {
  private readonly canvas = document.createElement("canvas");
  private readonly overlay: Overlay;
  private readonly state: StageState;
  private readonly pointer: Pointer;
  private renderer: Renderer;
  private readonly stops: (() => void)[] = [];
  private readonly reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

  private reported: View | null = null;
  private clearArea: Area | undefined;
  private marker: readonly number[] | null = null;
  private links: Parameters<Stage["setLinks"]> = [null, []];

  private frameRequest = 0; // id of the requested animation frame; 0 if none is requested
  private destroyed = false;
  private stale = true; // the points must be drawn again

  constructor(private readonly options: StageOptions) {
    const { element, manifest, thumbnails, theme, events } = options;
    const { style } = this.canvas;
    Object.assign(style, { position: "absolute", inset: "0", width: "100%", height: "100%" });
    const reducedMotion = () => this.reducedMotion.matches;
    const changed = () => this.requestFrame();
    const { positions } = options.arrays;
    const size = this.measured();
    this.state = new StageState({ manifest, positions, theme, size, reducedMotion, changed });
    this.fitCanvas();
    this.renderer = this.makeRenderer(); // may throw, so it comes before any change of the page
    element.style.touchAction = "none";
    if (getComputedStyle(element).position === "static") element.style.position = "relative";
    element.append(this.canvas);
    this.overlay = new Overlay(element, theme);
    this.pointer = new Pointer({
      element,
      camera: this.state.camera,
      solid: manifest.n_dimensions === 3,
      events,
      snapshot: () => this.snapshot,
      regionAt: (at) => this.overlay.names.regionAt(at),
      showOutline: (line) => this.overlay.setLasso(line),
      changed,
    });
    this.listen();
    thumbnails.arrived = changed;
    this.updateColors();
  }

  // The Stage interface

  setColors(codes: Uint16Array, palette: readonly string[]): void {
    this.state.items.setColors(codes, palette);
    this.updateColors();
  }

  setStates(states: Uint8Array | null): void {
    this.state.items.setStates(states);
    this.updateColors();
  }

  async setLayout(layout: LayoutName): Promise<void> {
    const { layouts, focus } = this.state;
    if (layout === layouts.wanted) return;
    const anchor = findAnchor(this.snapshot, focus);
    layouts.wanted = layout;
    if (layout === "grid" && !layouts.cells) await this.loadGrid();
    if (layouts.wanted === layout && !this.destroyed) this.startLayoutChange(anchor);
  }

  setDrawing(drawing: Drawing): void {
    this.state.drawing = drawing;
    if (drawing === "points") this.renderer.gallery.clear();
    this.requestFrame();
  }

  setCropped(cropped: boolean): void {
    this.state.cropped = cropped;
    this.requestFrame();
  }

  setNames(names: readonly MapName[]): void {
    this.overlay.names.set(names);
    this.requestFrame();
  }

  setClearArea(area: Area): void {
    this.clearArea = area;
    this.requestFrame();
  }

  setTheme(theme: Theme): void {
    this.state.items.theme = theme;
    this.overlay.setTheme(theme);
    this.updateColors();
  }

  setTool(tool: Tool): void {
    this.pointer.setTool(tool);
  }

  setFocus(item: number | null): void {
    this.state.focus = item;
    this.requestFrame();
  }

  setLinks(from: number | readonly number[] | null, to: readonly number[]): void {
    this.links = [from, to];
    this.requestFrame();
  }

  setMarker(at: readonly number[] | null, image: Blob | null): void {
    this.marker = at;
    this.overlay.setMarkerImage(image);
    this.requestFrame();
  }

  view(): View {
    return this.state.camera.target;
  }

  setView(view: View, smooth = false): void {
    this.state.camera.go(view, smooth);
  }

  fit(items: Uint32Array | null, area: ClearArea, smooth: boolean): void {
    const { camera, layouts, fitMargin } = this.state;
    if (items && items.length > 0)
      camera.go(camera.near(layouts.boxOf(items), area, fitMargin), smooth);
    else camera.go(wholeView(camera, layouts.target, area, fitMargin), smooth);
  }

  zoom(factor: number): void {
    const { camera } = this.state;
    const { width, height } = camera.size;
    camera.zoomAt(factor, { x: width / 2, y: height / 2 }, true);
  }

  pan(dx: number, dy: number, smooth = false): void {
    this.state.camera.pan(dx, dy, smooth);
  }

  center([x = 0, y = 0, z = 0]: readonly number[], area: Area, smooth: boolean): void {
    const { camera } = this.state;
    camera.go(camera.centered({ ...camera.target, center: [x, y, z] }, area), smooth);
  }

  locate(item: number): Point | null {
    return locate(this.snapshot, item);
  }

  next(item: number | null, direction: Direction): number | null {
    const at = item === null ? null : this.locate(item);
    const scope = scopeOf(this.state);
    if (item !== null && at) return nextItem(scope, { item, at }, direction);
    const { width, height } = scope.size;
    return nearest(scope, { x: width / 2, y: height / 2 }, width + height);
  }

  empty(): boolean {
    return isEmpty(scopeOf(this.state));
  }

  imagesTooSmall(): boolean {
    return this.state.imagesTooSmall;
  }

  async png(width: number, height: number, above: Painter | null = null): Promise<Blob> {
    const { renderer } = this;
    const { thumbnails } = this.options;
    const frameState = this.state.frameState(!this.stale);
    const paint: Painter = (paper, ratio) => {
      const { view } = frameState;
      const scaled = { ...view, scale: view.scale * ratio };
      const toPoint = this.locator(scaled, { width, height });
      this.overlay.names.paint(paper, ratio, toPoint);
      above?.(paper, ratio);
    };
    const shot = shoot({ renderer, thumbnails, frameState, above: paint }, width, height);
    this.redraw();
    return shot;
  }

  destroy(): void {
    this.destroyed = true;
    cancelAnimationFrame(this.frameRequest);
    for (const stop of this.stops) stop();
    this.options.thumbnails.arrived = () => {};
    this.options.thumbnails.want([]);
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
    const { renderer, state, pointer } = this;
    const { camera } = state;
    if (renderer.gl.isContextLost()) return;
    if (!renderer.frameBudget.ready(now)) {
      this.requestFrame();
      return;
    }
    if (this.canvas.width !== this.pixels(camera.size.width)) this.resize(); // another screen
    if (state.advance()) this.stale = true;
    const more = renderer.draw(state.frameState(!this.stale), now, this.stale);
    this.stale = false;
    const moved = this.reported !== camera.current;
    if (moved) pointer.viewMoved();
    this.drawOverlay();
    if (moved) {
      this.reported = camera.current;
      this.options.events.view(camera.current);
    }
    if (more || camera.moving || state.layouts.moving) this.requestFrame();
    else pointer.viewRests();
  }

  private drawOverlay(): void {
    const { marker, snapshot } = this;
    const { camera, layouts, focus } = this.state;
    this.overlay.setRing("hover", outline(snapshot, this.pointer.hovered));
    this.overlay.setRing("focus", outline(snapshot, focus));
    const toVector = ([x = 0, y = 0, z = 0]: readonly number[]) =>
      layouts.wanted === "map" ? project(camera.current, camera.size, [x, y, z]) : null;
    this.overlay.setMarker(marker && toVector(marker));
    const { scale, turn } = camera.current;
    const layout = [scale, camera.zoom, ...turn, layouts.wanted, layouts.moving].join(" ");
    this.overlay.names.draw(
      layout,
      this.locator(camera.current, camera.size),
      camera.size,
      camera.zoom,
      this.clearArea,
    );
    const [from, to] = this.links;
    const start = typeof from === "number" ? outline(snapshot, from) : from && toVector(from);
    this.overlay.links.draw(
      start,
      to.map((item) => linkOutline(snapshot, item)),
      outline(snapshot, typeof from === "number" ? from : focus),
    );
  }

  /** Returns the positions of items in a view; null while the items move to another layout. */
  private locator(view: View, size: Size): (item: number) => LocatedItem | null {
    const { snapshot } = this;
    const { layouts, pointPx } = snapshot;
    return (item) => {
      if (layouts.moving) return null;
      const halfHeight = outline(snapshot, item)?.halfHeight ?? pointPx / 2;
      return { at: project(view, size, layouts.positionOf(item)), halfHeight };
    };
  }

  private get snapshot(): StageSnapshot {
    const { camera, layouts, items, sizing, pointPx } = this.state;
    return { camera, layouts, items, gallery: this.renderer.gallery, sizing, pointPx };
  }

  // Size and context

  private listen(): void {
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(this.options.element);
    const lost = (event: Event) => {
      event.preventDefault(); // required for the context to be restored
      this.options.events.context(true);
    };
    this.stops.push(
      this.pointer.stop,
      () => observer.disconnect(),
      on(this.canvas, "webglcontextlost", lost),
      on(this.canvas, "webglcontextrestored", () => this.restore()),
    );
  }

  private measured(): Size {
    const { clientWidth, clientHeight } = this.options.element;
    return { width: Math.max(clientWidth, 1), height: Math.max(clientHeight, 1) };
  }

  private fitCanvas(): void {
    const { width, height } = this.state.camera.size;
    this.canvas.width = this.pixels(width);
    this.canvas.height = this.pixels(height);
  }

  private pixels(css: number): number {
    return Math.max(1, Math.round(css * window.devicePixelRatio));
  }

  private resize(): void {
    this.state.resize(this.measured());
    this.fitCanvas();
    this.renderer.resize();
    this.redraw();
  }

  private makeRenderer(): Renderer {
    const { manifest, thumbnails, points } = this.options;
    const { positions, dimensions } = this.state.layouts.map;
    return new Renderer(this.canvas, {
      positions,
      dimensions,
      levelEnds: manifest.level_ends,
      thumbnails,
      points,
      changed: () => this.requestFrame(),
    });
  }

  private restore(): void {
    // The old renderer's GPU resources were lost with the context. `dispose` would lose the restored
    // context again, because both renderers use the same context.
    this.renderer.gallery.close();
    this.renderer = this.makeRenderer();
    const { cells } = this.state.layouts;
    if (cells) this.renderer.layer.setGrid(cells);
    this.updateColors();
    this.options.events.context(false);
  }

  private updateColors(): void {
    this.renderer.layer.setTints(...this.state.items.drawn());
    this.redraw();
  }

  // The grid

  private async loadGrid(): Promise<void> {
    const { layouts } = this.state;
    let cells: Uint16Array | null;
    try {
      cells = await this.options.arrays.grid();
    } catch (error) {
      layouts.wanted = "map";
      throw error;
    }
    if (!cells) throw new Error("This map has no grid view. Use the map view.");
    if (this.destroyed) return;
    layouts.setCells(cells);
    this.renderer.layer.setGrid(cells);
  }

  private startLayoutChange(anchor: Anchor | null): void {
    const { camera } = this.state;
    this.state.startLayoutChange();
    // a view that was set meanwhile, such as one from the address, is for the new layout
    if (anchor && anchor.view === camera.target)
      camera.go(anchoredView(anchor, this.snapshot), true, MOVE_MS);
    this.redraw();
  }
}
