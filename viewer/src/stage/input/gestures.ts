/** Translates mouse, pen, touch and wheel events into gestures. */
import type { Point, SelectMode, Tool } from "../stage";

export interface Gestures {
  pan(dx: number, dy: number): void;
  /** A drag on a 3-D map. */
  turn(from: Point, to: Point): void;
  /** `smooth` is true for devices that send few large steps. */
  zoom(factor: number, at: Point, smooth: boolean): void;
  /** The pointer moves without a pressed button; null after it has left the stage. */
  hover(at: Point | null): void;
  /** The wheel moves the view while the pointer rests at `at`. */
  rest(at: Point): void;
  click(at: Point, touch: boolean, mode: SelectMode): void;
  /** A lasso or rectangle grows; `closed` is true at its end. */
  outline(points: readonly Point[], closed: boolean, mode: SelectMode): void;
}

// A press that moves less than this is a click, with a mouse and with a finger.
const CLICK_PX = 4;
const TOUCH_CLICK_PX = 10;
// Two clicks or taps within this time and distance are a double click.
const DOUBLE_MS = 320;
const DOUBLE_PX = 24;
const LINE_STEP_PX = 2; // least distance of two points of a lasso
// Pixels per line and per page, for wheels that report these units.
const WHEEL_LINE_PX = 32;
const WHEEL_PAGE_PX = 400;
// A step of the wheel multiplies the scale by e^(rate * pixels), for a step of at most MOST_WHEEL_PX.
const WHEEL_RATE = 0.0022;
const PINCH_RATE = 0.01;
const MOST_WHEEL_PX = 300;
// Trackpads send smaller steps, and many of them; wheels send larger steps, which are animated.
const LARGE_WHEEL_PX = 50;

interface Drag {
  readonly start: Point;
  readonly tool: Tool | "turn";
  readonly mode: SelectMode;
  moved: boolean;
  line: Point[];
}

/** Listen for gestures; `solid` for a 3-D map. Returns a function that stops listening. */
export function listen(
  element: HTMLElement,
  solid: boolean,
  tool: () => Tool,
  gestures: Gestures,
): () => void {
  const translator = new Translator(element, solid, tool, gestures);
  const ended = new AbortController();
  const { signal } = ended;
  for (const type of ["down", "move", "up", "cancel"] as const) {
    element.addEventListener(`pointer${type}`, (event) => translator[type](event), { signal });
  }
  element.addEventListener("pointerleave", () => gestures.hover(null), { signal });
  element.addEventListener("wheel", (event) => translator.wheel(event), {
    passive: false,
    signal,
  });
  element.addEventListener(
    "contextmenu",
    (event) => {
      if (solid) event.preventDefault(); // a drag with the right button moves the map
    },
    { signal },
  );
  return () => ended.abort();
}

function modeOf({ shiftKey, altKey, ctrlKey }: MouseEvent): SelectMode {
  return altKey || ctrlKey ? "subtract" : shiftKey ? "add" : "replace";
}

/** Translates events into gestures. Keeps the pressed fingers and the current drag. */
class Translator {
  private readonly fingers = new Map<number, Point>();
  private drag: Drag | null = null;
  private lastClick = { at: { x: -1e9, y: 0 }, time: 0 };

  constructor(
    private readonly element: HTMLElement,
    private readonly solid: boolean,
    private readonly tool: () => Tool,
    private readonly gestures: Gestures,
  ) {}

  private stagePoint(event: MouseEvent): Point {
    const box = this.element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  down(event: PointerEvent): void {
    const { fingers, solid } = this;
    if (event.button > 2) return;
    this.element.setPointerCapture(event.pointerId);
    const at = this.stagePoint(event);
    fingers.set(event.pointerId, at);
    if (fingers.size > 1) {
      this.dropOutline(); // two fingers zoom
      return;
    }
    const pans = event.button !== 0 || (solid && event.shiftKey);
    const kind = pans ? "pan" : this.tool();
    const meant = kind === "pan" && solid && !pans ? "turn" : kind;
    this.drag = { start: at, tool: meant, mode: modeOf(event), moved: false, line: [] };
    if (meant === "lasso" || meant === "rectangle") this.drag.line.push(at);
  }

  move(event: PointerEvent): void {
    const { fingers, gestures, drag } = this;
    const at = this.stagePoint(event);
    const before = fingers.get(event.pointerId);
    if (!before) {
      gestures.hover(at);
      return;
    }
    if (fingers.size === 2) {
      this.pinch(event.pointerId, before, at);
    } else if (drag) {
      const far = Math.hypot(at.x - drag.start.x, at.y - drag.start.y);
      if (!drag.moved && far < (event.pointerType === "touch" ? TOUCH_CLICK_PX : CLICK_PX)) return;
      if (!drag.moved) gestures.hover(null); // the hover card would cover the lasso
      drag.moved = true;
      if (drag.tool === "pan") gestures.pan(at.x - before.x, at.y - before.y);
      else if (drag.tool === "turn") gestures.turn(before, at);
      else this.outline(drag, at);
    }
    fingers.set(event.pointerId, at);
  }

  private outline(current: Drag, at: Point): void {
    const { start } = current;
    if (current.tool === "rectangle") {
      current.line = [start, { x: at.x, y: start.y }, at, { x: start.x, y: at.y }];
    } else {
      const last = current.line[current.line.length - 1]!;
      if (Math.hypot(at.x - last.x, at.y - last.y) >= LINE_STEP_PX) current.line.push(at);
    }
    this.gestures.outline(current.line, false, current.mode);
  }

  private pinch(id: number, before: Point, at: Point): void {
    const { fingers, gestures } = this;
    const [, other] = [...fingers].find(([finger]) => finger !== id)!;
    const span = (p: Point) => Math.max(Math.hypot(p.x - other.x, p.y - other.y), 1);
    const middle = (p: Point): Point => ({ x: (p.x + other.x) / 2, y: (p.y + other.y) / 2 });
    gestures.pan(middle(at).x - middle(before).x, middle(at).y - middle(before).y);
    gestures.zoom(span(at) / span(before), middle(at), false);
  }

  up(event: PointerEvent): void {
    const { fingers, gestures, drag } = this;
    const at = this.stagePoint(event);
    const touch = event.pointerType === "touch";
    fingers.delete(event.pointerId);
    this.drag = null;
    if (!drag || fingers.size > 0) return;
    if (drag.moved) {
      if (drag.line.length > 0) gestures.outline(drag.line, true, drag.mode);
    } else if (event.button === 0) {
      this.click(at, touch, event);
    }
    if (touch) gestures.hover(null);
  }

  private click(at: Point, touch: boolean, event: PointerEvent): void {
    const { gestures, lastClick } = this;
    const time = event.timeStamp;
    const far = Math.hypot(at.x - lastClick.at.x, at.y - lastClick.at.y);
    if (time - lastClick.time < DOUBLE_MS && far < DOUBLE_PX) {
      gestures.zoom(event.shiftKey ? 0.5 : 2, at, true);
      this.lastClick = { at, time: 0 };
      return;
    }
    this.lastClick = { at, time };
    gestures.click(at, touch, modeOf(event));
  }

  cancel(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    this.dropOutline();
  }

  private dropOutline(): void {
    if (this.drag && this.drag.line.length > 0) this.gestures.outline([], true, "replace");
    this.drag = null;
  }

  wheel(event: WheelEvent): void {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? WHEEL_LINE_PX : 1;
    const delta =
      event.deltaMode === WheelEvent.DOM_DELTA_PAGE
        ? event.deltaY * WHEEL_PAGE_PX
        : event.deltaY * lines;
    // browsers report a pinch on a trackpad as a wheel event with Ctrl and small steps
    const rate = event.ctrlKey && Math.abs(delta) < LARGE_WHEEL_PX ? PINCH_RATE : WHEEL_RATE;
    const bounded = Math.min(Math.max(delta, -MOST_WHEEL_PX), MOST_WHEEL_PX);
    const at = this.stagePoint(event);
    this.gestures.zoom(Math.exp(-bounded * rate), at, Math.abs(delta) >= LARGE_WHEEL_PX);
    this.gestures.rest(at);
  }
}
