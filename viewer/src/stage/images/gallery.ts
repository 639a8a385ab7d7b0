/** The images on the stage: which are there, how visible each is, and what must be read for them. */
import type { Thumbnails, Wanted } from "../../bundle/thumbnails";
import type { Size } from "../camera/projection";
import type { Color } from "../gl";
import { flatten, type Places } from "../layout/positions";
import { middle, planeOf, regionAround } from "../layout/region";
import type { Sizing } from "../layout/sizes";
import { DIMMED_IMAGE_OPACITY } from "../points/tints";
import { DIMMED, HIDDEN, MATCHED, SELECTED, type View } from "../stage";
import { Atlas } from "./atlas";
import { Declutter } from "./declutter";
import { FLOATS } from "./image-pass";

const FADE_IN_MS = 150;
const FADE_OUT_MS = 120;
const PLACING_MS = 1;
const UPLOADING_MS = 1;
const DECODING_MS = 1;
// Each of the three, once the view rests: frames are few where WebGL is software.
const STILL_MS = 12;
const DECODES = 48;
// Blocks are asked for this often while the view moves: a request takes the processor a millisecond.
const WANTING_MS = 80;
const MOVING_BLOCKS = 2;
// Placed beyond the stage's edge, so that a pan meets images that have their place: in distances.
const MARGIN = 8;
// A turning map is placed anew this often.
const TURN_MS = 160;

interface Shown {
  opacity: number;
  leaving: boolean;
}

/** What the images depend on in a frame. */
export interface Scene {
  readonly view: View;
  readonly size: Size;
  readonly pixelRatio: number;
  readonly zoom: number; // 1 where the whole map is seen
  readonly places: Places;
  readonly sizing: Sizing;
  readonly states: Uint8Array | null;
  /** Another number where other items are hidden or dimmed than before. */
  readonly filter: number;
  readonly positions: Float32Array;
  readonly dimensions: number;
  readonly cells: Uint16Array | null;
  /** The item that one points at or has open: its image is shown, above others if need be. */
  readonly focus: number | null;
  readonly colorOf: (item: number) => Color;
  /** False while items move from one layout to the other: the images go along as they are. */
  readonly settled: boolean;
  readonly fades: boolean;
  /** The view rests: there is time for images. */
  readonly still: boolean;
}

export class Gallery {
  /** FLOATS numbers for each image of the frame. */
  data = new Float32Array(FLOATS * 256);
  count = 0;
  readonly atlas: Atlas;
  private readonly shown = new Map<number, Shown>();
  /** Pack and item of those that have been begun, until they lie in the atlas. */
  private readonly decoding = new Set<string>();
  private readonly decoded: { pack: number; item: number; image: ImageBitmap }[] = [];
  private readonly broken = new Set<string>();
  private placement: Declutter | null = null;
  private placed: (Pick<Scene, "view" | "sizing" | "places" | "filter"> & { at: number }) | null =
    null;
  private placing = false;
  private last = 0;
  private wantedAt = 0;
  private closed = false;

  constructor(
    gl: WebGL2RenderingContext,
    private readonly thumbnails: Thumbnails,
    screenPixels: number,
    private readonly changed: () => void,
  ) {
    const layers = Math.min(Math.max(Math.ceil(screenPixels / 270_000), 4), 12);
    this.atlas = new Atlas(
      gl,
      thumbnails.packs.map((pack) => pack.size_px),
      layers,
    );
  }

  clear(): void {
    this.shown.clear();
    this.placement = null;
    this.placed = null;
    this.placing = false;
    this.count = 0;
    this.thumbnails.want([]);
  }

  close(): void {
    this.closed = true;
    for (const { image } of this.decoded) image.close();
    this.clear();
  }

  /** Bring the images up to this frame; true while something still moves of itself. */
  update(scene: Scene, now: number): boolean {
    const elapsed = Math.min(now - this.last, FADE_IN_MS / 2);
    this.last = now;
    const waiting = scene.settled && scene.sizing.room && this.place(scene, now);
    const visible = this.choose(scene);
    this.upload(scene.still);
    const sidePx = this.affordable(scene.sizing.at(scene.zoom) * scene.pixelRatio);
    const missing = this.load(scene, visible, sidePx, now);
    const fading = this.fade(elapsed, scene.fades, sidePx);
    this.fill(scene, sidePx);
    return fading || waiting || missing || this.placing || this.decoded.length > 0;
  }

  /** Those that have their place, the first come first. */
  get order(): readonly number[] {
    return this.placement?.items ?? [];
  }

  /** Those that one sees. */
  *items(): IterableIterator<number> {
    for (const [item, { opacity, leaving }] of this.shown)
      if (opacity > 0.3 && !leaving) yield item;
  }

  has(item: number): boolean {
    const shown = this.shown.get(item);
    return shown !== undefined && shown.opacity > 0.3;
  }

  /** Width and height of an item's image, the longest 1. */
  shape(item: number): readonly [number, number] {
    const slot = this.atlas.find(0, item);
    if (!slot) return [1, 1];
    const longest = Math.max(slot.width, slot.height);
    return [slot.width / longest, slot.height / longest];
  }

  private place(scene: Scene, now: number): boolean {
    const { view, size, sizing, places, states, filter } = scene;
    const before = this.placed;
    const same = before?.places === places && before.filter === filter;
    const turning = before?.view.turn.some((part, i) => part !== view.turn[i]);
    if (same && turning && now - before.at < TURN_MS) return true;
    const stepped = before?.sizing !== sizing;
    if (!same || stepped || turning || this.leaves(before.view, scene)) {
      // Closer in there is room for all that were there before; farther out the first come first.
      const closer = before && sizing.from >= before.sizing.from;
      const kept = same && closer ? (this.placement?.items ?? []) : [];
      const distance = sizing.distance / (view.scale * (sizing.from / scene.zoom));
      const margin = MARGIN * sizing.distance;
      this.placement = new Declutter(
        places,
        {
          distance,
          region: regionAround(view, size, margin),
          plane: planeOf(view),
          nItems: this.thumbnails.nItems,
          states,
        },
        kept,
      );
      this.placed = { view, sizing, places, filter, at: now };
      this.placing = true;
    }
    if (this.placing && this.placement) {
      this.placing = !this.placement.step(scene.still ? STILL_MS : PLACING_MS);
    }
    return false;
  }

  /** Whether the stage comes near the edge of what has its place. */
  private leaves(before: View, { view, size, sizing, zoom }: Scene): boolean {
    const ratio = view.scale / before.scale;
    const margin = (MARGIN / 2) * sizing.distance * (zoom / sizing.from);
    const [dx, dy, dz] = view.center.map((at, axis) => (at - before.center[axis]!) * view.scale);
    const shift = Math.hypot(dx!, dy!, dz!);
    const room = (Math.max(size.width, size.height) / 2) * Math.max(0, 1 - ratio);
    return shift + room > margin;
  }

  /** The side to read images for: less where the atlas has no room for all that are shown so sharp. */
  private affordable(sidePx: number): number {
    const { packs } = this.thumbnails;
    let pack = this.thumbnails.packFor(0, sidePx);
    if (pack < 0 || this.shown.size <= this.atlas.room(pack)) return sidePx;
    while (pack > 0 && this.shown.size > this.atlas.room(pack)) pack--;
    return packs[pack]!.size_px;
  }

  /** Those of the placed items that the stage shows; others begin to leave. */
  private choose(scene: Scene): number[] {
    const { view, size, sizing, zoom, places, settled, states, focus } = scene;
    if (!settled || !this.placement) return [...this.shown.keys()];
    const half = sizing.at(zoom);
    const region = regionAround(view, size, half);
    const plane = planeOf(view);
    const visible: number[] = [];
    const wanted = new Set(sizing.room ? this.placement.items : []);
    if (sizing.room && focus !== null && focus < this.thumbnails.nItems) wanted.add(focus);
    for (const item of wanted) {
      const [u, v] = flatten(places, plane, item);
      if (u < region.left || u > region.right || v < region.bottom || v > region.top) continue;
      if (states && states[item]! & HIDDEN) continue;
      visible.push(item);
    }
    const here = new Set(visible);
    for (const [item, shown] of this.shown) {
      shown.leaving = !here.has(item);
      const [u, v] = flatten(places, plane, item);
      const out = u < region.left || u > region.right || v < region.bottom || v > region.top;
      if (shown.leaving && out) this.shown.delete(item);
    }
    for (const item of visible) {
      if (!this.shown.has(item)) this.shown.set(item, { opacity: 0, leaving: false });
    }
    return visible;
  }

  /**
   * Ask for the blocks of what is missing, the middle and the first items first; decode what came.
   * True where some of it is left to a next frame.
   */
  private load(scene: Scene, visible: readonly number[], sidePx: number, now: number): boolean {
    const { thumbnails, atlas } = this;
    const wanted = new Map<string, Wanted>();
    const stop = performance.now() + (scene.still ? STILL_MS : DECODING_MS);
    let late = false;
    const [u0, v0] = middle(scene.view);
    const reach = Math.hypot(scene.size.width, scene.size.height) / 2 / scene.view.scale;
    for (const item of visible) {
      const pack = thumbnails.packFor(item, sidePx);
      const key = `${pack}/${item}`;
      if (pack < 0 || atlas.has(pack, item) || this.decoding.has(key) || this.broken.has(key))
        continue;
      const bytes = thumbnails.bytes(pack, item);
      if (bytes) {
        if (this.decoding.size >= DECODES) continue; // the next to end wakes the stage
        if (performance.now() < stop) this.decode(pack, item, key, bytes);
        else late = true;
        continue;
      }
      const [u, v] = flatten(scene.places, planeOf(scene.view), item);
      // what has some image already can wait for a sharper one
      const patience = atlas.find(pack, item) ? 2 : 0;
      const rank = Math.hypot(u - u0, v - v0) / reach + Math.log2(item + 2) / 20 + patience;
      const block = thumbnails.blockOf(pack, item);
      const other = wanted.get(`${pack}/${block}`);
      if (!other || other.rank > rank) wanted.set(`${pack}/${block}`, { pack, block, rank });
    }
    if (!scene.still && now - this.wantedAt < WANTING_MS) return late || wanted.size > 0;
    this.wantedAt = now;
    const first = [...wanted.values()].sort((a, b) => a.rank - b.rank);
    thumbnails.want(scene.still ? first : first.slice(0, MOVING_BLOCKS));
    return late || (!scene.still && first.length > MOVING_BLOCKS);
  }

  private decode(pack: number, item: number, key: string, bytes: Uint8Array<ArrayBuffer>): void {
    this.decoding.add(key);
    createImageBitmap(new Blob([bytes], { type: "image/webp" }))
      .then(
        (image) => {
          if (this.closed) image.close();
          else this.decoded.push({ pack, item, image });
        },
        (error: unknown) => {
          this.decoding.delete(key);
          this.broken.add(key); // its point stays a point
          console.warn(`The image of item ${item} cannot be decoded: ${error}`);
        },
      )
      .finally(() => this.changed());
  }

  private upload(still: boolean): void {
    const stop = performance.now() + (still ? STILL_MS : UPLOADING_MS);
    while (this.decoded.length > 0) {
      const { pack, item, image } = this.decoded.shift()!;
      this.atlas.put(pack, item, image);
      this.decoding.delete(`${pack}/${item}`);
      image.close();
      if (performance.now() > stop) break;
    }
  }

  private fade(elapsed: number, fades: boolean, sidePx: number): boolean {
    let fading = false;
    for (const [item, shown] of this.shown) {
      const target =
        !shown.leaving && this.atlas.find(this.thumbnails.packFor(item, sidePx), item) ? 1 : 0;
      if (shown.opacity !== target) {
        const step = fades ? elapsed / (target === 1 ? FADE_IN_MS : FADE_OUT_MS) : 1;
        shown.opacity += Math.min(Math.max(target - shown.opacity, -step), step);
        fading = true;
      }
      if (shown.leaving && shown.opacity <= 0) this.shown.delete(item);
    }
    return fading;
  }

  private fill(scene: Scene, sidePx: number): void {
    if (this.data.length < this.shown.size * FLOATS) {
      this.data = new Float32Array(2 * this.shown.size * FLOATS);
    }
    const { positions, dimensions, cells, states } = scene;
    let at = 0;
    // those that leave lie beneath those that stay
    for (const leaving of [true, false]) {
      for (const [item, shown] of this.shown) {
        if (shown.leaving !== leaving || shown.opacity <= 0) continue;
        const slot = this.atlas.find(this.thumbnails.packFor(item, sidePx), item);
        if (!slot) continue;
        const { data } = this;
        const state = states ? states[item]! : 0;
        const longest = Math.max(slot.width, slot.height);
        const color = scene.colorOf(item);
        data[at++] = positions[item * dimensions]!;
        data[at++] = positions[item * dimensions + 1]!;
        data[at++] = dimensions === 3 ? positions[item * dimensions + 2]! : 0;
        data[at++] = cells ? cells[2 * item]! : 0;
        data[at++] = cells ? cells[2 * item + 1]! : 0;
        data[at++] = slot.width / longest;
        data[at++] = slot.height / longest;
        data[at++] = slot.x;
        data[at++] = slot.y;
        data[at++] = slot.width;
        data[at++] = slot.height;
        data[at++] = color[0];
        data[at++] = color[1];
        data[at++] = color[2];
        data[at++] = slot.layer;
        data[at++] = shown.opacity * (state & DIMMED ? DIMMED_IMAGE_OPACITY : 1);
        data[at++] = state & (SELECTED | MATCHED) ? 1 : 0;
      }
    }
    this.count = at / FLOATS;
  }
}
