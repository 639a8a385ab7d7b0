/** The current view and its animated moves. Scale and center are bounded. */

import { timeMs } from "../../time";
import type { Area, Point, View } from "../stage";
import { type Box, fitted, NO_TURN, panned, type Size, type Vector, zoomed } from "./projection";
import { easeInOut, easeOut, Transition } from "./transition";

const MARGIN = 36; // around the whole map, CSS pixels
const MOST_MARGIN = 0.06; // the same as a share of the shorter side, for small stages
const CLOSE = 4; // the least zoom for a single item
// Durations of the animations: a step of the wheel, and a move to another view.
const WHEEL_MS = 160;
const FLIGHT_MS = 450;
// The zoom is 1 where the whole map is visible. The largest zoom grows with the root of the number
// of items, as the number of items along a side of the stage does.
const LEAST_ZOOM = 0.4;
const ZOOM_PER_ROOT_ITEM = 6;
const LEAST_MAX_ZOOM = 64;
const MOST_MAX_ZOOM = 6000;
// The center of the view may leave the map by this share of the map's extent, or of the stage.
const MAP_SLACK = 0.2;
const STAGE_SLACK = 0.3;
const DEPTH_TOLERANCE = 1.01; // of the bound of the depth, for rounding

export interface CameraOptions {
  readonly size: Size; // of the stage
  readonly nItems: number;
  /** Whether the user asks for no animations. */
  reducedMotion(): boolean;
  /** Called when the view starts to change. */
  changed(): void;
}

export class Camera {
  current: View;
  private transition: Transition | null = null;
  private readonly nearest: number;
  /** The largest allowed scale, in pixels per map unit. */
  closest = Number.POSITIVE_INFINITY;

  size: Size;

  /** `box` contains the whole map. */
  constructor(
    private readonly box: Box,
    private readonly options: CameraOptions,
  ) {
    const { size, nItems } = options;
    this.size = size;
    this.nearest = Math.min(
      Math.max(ZOOM_PER_ROOT_ITEM * Math.sqrt(nItems), LEAST_MAX_ZOOM),
      MOST_MAX_ZOOM,
    );
    this.current = this.fitted(box, NO_TURN);
  }

  /** The scale, in pixels per map unit, that shows the whole map without rotation. */
  get fitScale(): number {
    return this.fitted(this.box, NO_TURN).scale;
  }

  get zoom(): number {
    return this.current.scale / this.fitScale;
  }

  get moving(): boolean {
    return this.transition !== null;
  }

  /** The view at the end of the current transition. */
  get target(): View {
    return this.transition?.to ?? this.current;
  }

  /** A bound of the map's extent along the line of sight, in map units. */
  get depth(): number {
    const { lower, upper } = this.box;
    return DEPTH_TOLERANCE * Math.hypot(...upper.map((high, axis) => high - lower[axis]!)) || 1;
  }

  /** The view that fits a box into a part of the stage, with `margin` pixels around it. */
  whole(box: Box, area: Area, margin: number): View {
    const size = { width: area.right - area.left, height: area.bottom - area.top };
    return this.centered(fitted(box, size, this.target.turn, margin), area);
  }

  /** As `whole`, but for a box of one point the scale does not decrease. */
  near(box: Box, area: Area, margin: number): View {
    if (box.lower.some((low, axis) => low !== box.upper[axis])) {
      return this.whole(box, area, margin);
    }
    const scale = Math.max(this.target.scale, CLOSE * this.fitScale);
    return this.centered({ center: box.lower, scale, turn: this.target.turn }, area);
  }

  /** The view whose center is in the middle of a part of the stage. */
  centered(view: View, { left, right, top, bottom }: Area): View {
    const { width, height } = this.size;
    const near = { ...view, scale: this.bounded(view.scale) };
    return panned(near, (left + right - width) / 2, (top + bottom - height) / 2);
  }

  private fitted(box: Box, turn: View["turn"]): View {
    const { width, height } = this.size;
    const margin = Math.min(MARGIN, MOST_MARGIN * Math.min(width, height));
    return fitted(box, this.size, turn, margin);
  }

  go(view: View, smooth: boolean, durationMs = FLIGHT_MS): void {
    this.fly(view, smooth ? durationMs : 0, easeInOut);
  }

  pan(dx: number, dy: number, smooth = false): void {
    this.go(panned(this.target, dx, dy), smooth);
  }

  zoomAt(factor: number, at: Point, smooth: boolean): void {
    const { target, size } = this;
    const scale = this.bounded(target.scale * factor);
    this.fly(zoomed(target, size, scale, at), smooth ? WHEEL_MS : 0, easeOut);
  }

  /** Advance to the time `now`. Returns whether the view has changed. */
  advance(now: number): boolean {
    if (!this.transition) return false;
    this.current = this.transition.at(now);
    if (this.current === this.transition.to) this.transition = null;
    return true;
  }

  private bounded(scale: number): number {
    const whole = this.fitScale;
    const most = Math.min(whole * this.nearest, this.closest);
    return Math.min(Math.max(scale, whole * LEAST_ZOOM), most);
  }

  private fly(to: View, durationMs: number, ease: (t: number) => number): void {
    const { lower, upper } = this.box;
    const { width, height } = this.size;
    const extent = Math.max(...upper.map((high, axis) => high - lower[axis]!));
    // the second bound lets a fitted map be moved into a corner that the panels leave free
    const slack = Math.max(MAP_SLACK * extent, (STAGE_SLACK * Math.max(width, height)) / to.scale);
    const center = to.center.map((at, axis) =>
      Math.min(Math.max(at, lower[axis]! - slack), upper[axis]! + slack),
    ) as unknown as Vector;
    const target = { center, scale: this.bounded(to.scale), turn: to.turn };
    if (!this.transition && isSame(target, this.current)) return; // no change, no event
    const duration = this.options.reducedMotion() ? 0 : durationMs;
    const path = { from: this.current, to: target, started: timeMs() };
    this.transition = new Transition({ ...path, durationMs: duration, ease });
    if (duration === 0) this.current = target; // so that `locate` is right before the next frame
    this.options.changed();
  }
}

function isSame(one: View, other: View): boolean {
  const numbers = ({ center, scale, turn }: View) => [...center, scale, ...turn];
  const others = numbers(other);
  return numbers(one).every((number, i) => number === others[i]);
}
