/** The pointer on the stage: the hovered item, the cursor's shape, clicks, and outlines. */
import type { RegionName } from "../../contract";
import type { Camera } from "../camera/camera";
import { turned } from "../camera/projection";
import type { Point, StageEvents, Tool } from "../stage";
import { within } from "./find-items";
import { type Gestures, listen } from "./gestures";
import { pick, type StageSnapshot, scopeOf } from "./pointing";

/** The parts of the stage that the pointer works on. */
export interface PointerTarget {
  readonly element: HTMLElement;
  readonly camera: Camera;
  readonly solid: boolean; // a 3-D map
  readonly events: StageEvents;
  snapshot(): StageSnapshot;
  /** The region whose name is at a position of the stage, if an image represents the region. */
  regionAt(at: Point): RegionName | null;
  /** Show the outline of a lasso or rectangle; without points, none. */
  showOutline(points: readonly Point[]): void;
  changed(): void;
}

interface Picked {
  readonly item: number | null;
  readonly region: RegionName | null;
}

const NOTHING: Picked = { item: null, region: null };

export class Pointer {
  hovered: number | null = null;
  readonly stop: () => void;
  private tool: Tool = "pan";
  /** Position of the pointer while the wheel moves the view. */
  private resting: Point | null = null;

  constructor(private readonly target: PointerTarget) {
    this.stop = listen(target.element, target.solid, () => this.tool, this.gestures());
  }

  setTool(tool: Tool): void {
    this.tool = tool;
    this.target.showOutline([]);
    this.showCursor();
  }

  /** The view has moved the hovered item away: drop it. The view event notifies the panels. */
  viewMoved(): void {
    if (this.hovered === null) return;
    this.hovered = null;
    this.showCursor();
  }

  /** The view rests again: find the item that is now under the pointer. */
  viewRests(): void {
    if (this.resting) this.hover(this.resting);
  }

  private gestures(): Gestures {
    const { camera, events } = this.target;
    return {
      pan: (dx, dy) => camera.pan(dx, dy),
      turn: (from, to) => camera.go(turned(camera.target, camera.size, from, to), false),
      zoom: (factor, at, smooth) => camera.zoomAt(factor, at, smooth),
      hover: (at) => this.hover(at),
      rest: (at) => {
        this.resting = at;
      },
      click: (at, touch, mode) => events.click(this.pick(at, touch).item, mode),
      outline: (points, closed, mode) => {
        this.target.showOutline(closed ? [] : points);
        if (closed && points.length > 2) events.selected(this.inside(points), mode);
      },
    };
  }

  private hover(at: Point | null): void {
    this.resting = null;
    const { item, region } = at ? this.pick(at, false) : NOTHING;
    if (item === null && this.hovered === null) return;
    this.hovered = item;
    this.showCursor();
    this.target.changed();
    this.target.events.hover(item, at ?? { x: 0, y: 0 }, region);
  }

  /** The item under the pointer. Names are drawn above the items, and precede the items. */
  private pick(at: Point, touch: boolean): Picked {
    const region = this.target.regionAt(at);
    const item = region?.image ?? pick(this.target.snapshot(), at, touch);
    return { item, region };
  }

  private showCursor(): void {
    const idle = this.tool === "pan" ? "grab" : "crosshair";
    this.target.element.style.cursor = this.hovered === null ? idle : "pointer";
  }

  private inside(polygon: readonly Point[]): Uint32Array {
    return within(scopeOf(this.target.snapshot()), polygon);
  }
}
