/** The names of the classes and regions above the map. */
import type { RegionName } from "../../contract";
import { lettersOf } from "../../letters";
import type { Size } from "../camera/projection";
import type { Area, MapName, Point, Theme } from "../stage";
import { shape } from "../svg";
import { freeNames, type NameBox } from "./free-names";
import { isolated } from "./isolated";

const HALO_PX = 4; // width of the outline on both sides together
const LINE_HEIGHT = 1.3; // in units of the size
const WEIGHT = 650;
const MOST_LETTERS = 24;
const MOST_LETTERS_NARROW = 14; // on a phone, a name of 24 letters would cross the map
const LARGEST_NARROW_PX = 15; // size of the letters on a phone, whose map is small
const NARROW_PX = 600;
const MOST_COVERED = 0.1; // of the area of the map: more names would hide the items

/** The position of an item, and half of the height of its image or point in CSS pixels. */
export interface LocatedItem {
  readonly at: Point;
  readonly halfHeight: number;
}

type Locate = (item: number) => LocatedItem | null;

interface Entry {
  readonly name: MapName;
  readonly text: string; // the name, shortened
  readonly sizePx: number;
  readonly halfWidth: number;
  readonly halfHeight: number;
  element: SVGElement | null; // made when the name is shown first
}

export class NameLayer {
  readonly root = shape("g", { "text-anchor": "middle", "stroke-width": String(HALO_PX) });
  private entries: Entry[] = [];
  private isNarrow = false;
  private free: boolean[] = [];
  private shown: (NameBox | null)[] = []; // as drawn last
  private layout: string | null = null;
  private background = "";

  constructor() {
    this.root.classList.add("fs-map-names");
    Object.assign(this.root.style, { paintOrder: "stroke", strokeLinejoin: "round" });
    this.root.style.fontWeight = String(WEIGHT);
  }

  setTheme({ background }: Theme): void {
    this.background = background;
    this.root.setAttribute("stroke", background);
  }

  /** Replace the names; the most important name is the first. */
  set(names: readonly MapName[]): void {
    const measure = textMeasure(this.font);
    const most = this.isNarrow ? MOST_LETTERS_NARROW : MOST_LETTERS;
    const largest = this.isNarrow ? LARGEST_NARROW_PX : Number.POSITIVE_INFINITY;
    this.root.replaceChildren();
    this.entries = names.map((name) => {
      const text = shortened(name.text, most);
      const sizePx = Math.min(name.sizePx, largest);
      return {
        name,
        text,
        sizePx,
        halfWidth: (measure(text, sizePx) + HALO_PX) / 2,
        halfHeight: (LINE_HEIGHT * sizePx) / 2,
        element: null,
      };
    });
    this.layout = null;
    this.shown = [];
  }

  /** The region whose name is at a position of the stage, if an image represents the region. */
  regionAt({ x, y }: Point): RegionName | null {
    const hit = this.shown.findIndex(
      (box) =>
        box && Math.abs(x - box.at.x) <= box.halfWidth && Math.abs(y - box.at.y) <= box.halfHeight,
    );
    const region = this.entries[hit]?.name.region ?? null;
    return region?.image == null ? null : region;
  }

  /**
   * Draw the names at the stage positions of their items. The choice of names depends on `layout`,
   * which identifies all except the position of the view: panning changes no name. A null position
   * hides a name. At the edge of `clear`, the part of the stage that no panel covers, a name is
   * moved inward, or hidden if it would then overlap another name. `zoom` must not change without
   * `layout`.
   */
  draw(layout: string, locate: Locate, size: Size, zoom: number, clear = wholeOf(size)): void {
    if (size.width < NARROW_PX !== this.isNarrow) {
      this.isNarrow = size.width < NARROW_PX;
      this.set(this.entries.map(({ name }) => name));
    }
    const at = this.entries.map((entry) =>
      zoom < entry.name.fromZoom ? null : middleOf(entry, locate(entry.name.item)),
    );
    const inside = this.entries.map((entry, i) => moveInside(entry, at[i] ?? null, clear));
    if (layout !== this.layout) {
      this.layout = layout;
      this.free = freeNames(this.boxes(at), MOST_COVERED * areaOf(at, clear));
    }
    const boxes = this.boxes(inside.map((point, i) => (this.free[i] ? point : null)));
    const apart = freeNames(boxes);
    this.shown = boxes.map((box, i) => (apart[i] ? box : null));
    for (const [i, entry] of this.entries.entries()) {
      const seen = this.shown[i];
      if (seen) entry.element ??= this.add(entry);
      entry.element?.setAttribute("visibility", seen ? "visible" : "hidden");
      if (seen) entry.element?.setAttribute("transform", `translate(${seen.at.x} ${seen.at.y})`);
    }
  }

  /** Draw the shown names on a picture that is `ratio` times as large as the stage. */
  paint(paper: CanvasRenderingContext2D, ratio: number, locate: Locate): void {
    paper.save();
    Object.assign(paper, { textAlign: "center", textBaseline: "middle", lineJoin: "round" });
    Object.assign(paper, { strokeStyle: this.background, lineWidth: HALO_PX * ratio });
    for (const [i, entry] of this.entries.entries()) {
      const { name } = entry;
      const at = this.free[i] ? middleOf(entry, locate(name.item), ratio) : null;
      if (!at) continue;
      paper.font = `${WEIGHT} ${entry.sizePx * ratio}px ${this.font}`;
      paper.fillStyle = name.color;
      const text = isolated(entry.text);
      paper.strokeText(text, at.x, at.y);
      paper.fillText(text, at.x, at.y);
    }
    paper.restore();
  }

  private boxes(at: readonly (Point | null)[]): (NameBox | null)[] {
    return this.entries.map(({ halfWidth, halfHeight }, i) => {
      const point = at[i] ?? null;
      return point && { at: point, halfWidth, halfHeight };
    });
  }

  private get font(): string {
    return getComputedStyle(this.root).fontFamily || "sans-serif";
  }

  private add({ name: { color }, text, sizePx }: Entry): SVGElement {
    const element = shape("text", { fill: color, "font-size": String(sizePx), dy: "0.35em" });
    element.style.unicodeBidi = "plaintext";
    element.textContent = text;
    this.root.append(element);
    return element;
  }
}

/** Shorten a name inside: similar names often differ at their ends. */
function shortened(name: string, mostLetters: number): string {
  if (name.length <= mostLetters) return name;
  const letters = lettersOf(name);
  if (letters.length <= mostLetters) return name;
  const nLast = Math.floor(mostLetters / 4);
  const start = letters.slice(0, mostLetters - nLast - 1);
  return `${start.join("").trimEnd()}…${letters.slice(-nLast).join("").trimStart()}`;
}

/** The middle of a name: the position of its item, or above the item. */
function middleOf({ name, halfHeight }: Entry, item: LocatedItem | null, ratio = 1): Point | null {
  if (!item || !name.isAbove) return item?.at ?? null;
  return { x: item.at.x, y: item.at.y - ratio * (item.halfHeight + halfHeight) };
}

function wholeOf({ width, height }: Size): Area {
  return { left: 0, right: width, top: 0, bottom: height };
}

/** The middle of a name that is whole in an area; null if the item is outside the area. */
function moveInside(
  { halfWidth, halfHeight }: Entry,
  at: Point | null,
  { left, right, top, bottom }: Area,
): Point | null {
  if (!at || at.x < left || at.y < top || at.x > right || at.y > bottom) return null;
  const clamp = (value: number, half: number, low: number, high: number) =>
    Math.max(low + half, Math.min(value, high - half));
  return { x: clamp(at.x, halfWidth, left, right), y: clamp(at.y, halfHeight, top, bottom) };
}

/** The area in pixels of the box around all names, at least a third of the clear area. */
function areaOf(at: readonly (Point | null)[], { left, right, top, bottom }: Area): number {
  const clearPx = (right - left) * (bottom - top);
  const points = at.filter((point) => point !== null);
  const extent = (values: number[]) =>
    values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY) -
    values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  if (points.length < 2) return clearPx;
  const area = extent(points.map(({ x }) => x)) * extent(points.map(({ y }) => y));
  return Math.max(area, clearPx / 3);
}

/** Returns the width of a text in CSS pixels. */
function textMeasure(font: string): (text: string, sizePx: number) => number {
  const paper = document.createElement("canvas").getContext("2d");
  return (text, sizePx) => {
    if (!paper) return 0.6 * sizePx * text.length;
    paper.font = `${WEIGHT} ${sizePx}px ${font}`;
    return paper.measureText(text).width;
  };
}
