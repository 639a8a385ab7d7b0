/** The images on the stage: which are shown, their opacity, and which files they need. */
import type { Thumbnails, Wanted } from "../../bundle/thumbnails";
import { timeMs } from "../../time";
import { flatten } from "../layout/positions";
import { middle, regionAround, viewAxes } from "../layout/region";
import type { Fill } from "../layout/sizes";
import { DIMMED, FADED, HIDDEN, MATCHED, SELECTED, type View } from "../stage";
import { Atlas } from "./atlas";
import { shrunk, square } from "./crop";
import { Declutter } from "./declutter";
import { FLOATS } from "./image-pass";
import type { Scene } from "./scene";

const FADE_IN_MS = 150;
const FADE_OUT_MS = 120;
const GROWING_MS = 300; // for an image to grow by the common size
// Time of each frame for choosing, uploading and decoding images while the view moves. A frame at
// 60 Hz takes 16 ms, most of them for the points.
const CHOOSING_MS = 1;
const UPLOADING_MS = 1;
const DECODING_MS = 1;
// Time for each of the three while the view rests: software WebGL draws few frames.
const STILL_MS = 30;
// Number of images that the browser decodes at a time, to limit the memory.
const MOST_DECODING = 192;
// Images below this opacity can be neither picked nor outlined.
const PICKABLE_OPACITY = 0.3;
// Size of the smallest copies, for grids of many images: 4,096 fit into a layer of the atlas.
const TINY_PX = 16;
// Layers of the atlas, of 4 MB each.
const MOST_LAYERS = 12;
const LEAST_LAYERS = 4;
// Number of pixels of the screen per layer. A layer has four times as many texels.
const PIXELS_PER_LAYER = 270_000;
const MOST_TINY_LAYERS = 20;
// Interval of block requests while the view moves: a request costs about 1 ms of CPU time.
const WANTING_MS = 80;
const MOVING_BLOCKS = 2; // blocks per request while the view moves
// The rank of a block in the requests is the distance of an image from the middle of the stage, as a
// share of half the diagonal. In addition, 20 doublings of the index in the bundle's order count as
// much as half the diagonal, and an image that can be sharper counts as two.
const ORDER_DOUBLINGS = 20;
const HAS_IMAGE_RANK = 2;
// Width of the margin around the stage in which images are chosen, in image distances.
const MARGIN = 8;
// Interval at which images are chosen again while a 3-D map turns.
const TURN_MS = 160;
// Number of items of a 3-D map up to which the sizes of images change as the map turns, so that all
// have room. More images would flicker.
const MOST_RESIZED = 64;
const RESIZED_PX = 12; // the size of these images before they grow

interface Shown {
  opacity: number;
  leaving: boolean;
  /** The size, as a multiple of the common size. It changes gradually up to `wantedFactor`. */
  factor: number;
  wantedFactor: number;
}

export class Gallery {
  /** FLOATS numbers for each image of the frame. */
  data = new Float32Array(FLOATS * 256);
  count = 0;
  readonly atlas: Atlas;
  private readonly shown = new Map<number, Shown>();
  /** Keys "shelf/item" of images that are being decoded or wait for upload. */
  private readonly decoding = new Set<string>();
  private readonly decoded: { shelf: number; item: number; image: ImageBitmap }[] = [];
  private readonly broken = new Set<string>();
  private choice: Declutter | null = null;
  /** The next choice, while images are still chosen; null if `choice` is complete. */
  private pending: Declutter | null = null;
  private chosenFor:
    | (Pick<Scene, "view" | "sizing" | "layout" | "filter"> & { at: number })
    | null = null;
  private last = 0;
  private wantedAt = 0;
  private closed = false;
  private cropped = false;

  constructor(
    gl: WebGL2RenderingContext,
    private readonly thumbnails: Thumbnails,
    screenPixels: number,
    private readonly changed: () => void,
  ) {
    const layers = Math.max(Math.ceil(screenPixels / PIXELS_PER_LAYER), LEAST_LAYERS);
    this.atlas = new Atlas(gl, [
      { slotPx: TINY_PX, layers: Math.min(layers, MOST_TINY_LAYERS) },
      ...thumbnails.packs.map((pack) => ({
        slotPx: pack.size_px,
        layers: Math.min(layers, MOST_LAYERS),
      })),
    ]);
  }

  clear(): void {
    this.shown.clear();
    this.choice = null;
    this.chosenFor = null;
    this.pending = null;
    this.count = 0;
    this.thumbnails.want([]);
  }

  close(): void {
    this.closed = true;
    for (const { image } of this.decoded) image.close();
    this.clear();
  }

  /** Update the images for a frame. Returns whether another frame is needed. */
  update(scene: Scene, now: number): boolean {
    const elapsed = Math.min(now - this.last, FADE_IN_MS / 2);
    this.last = now;
    this.cropped = scene.cropped;
    const waiting = scene.settled && scene.sizing.hasRoom(scene.zoom) && this.declutter(scene, now);
    const visible = this.choose(scene);
    this.upload(scene.still);
    const sidePx = this.affordable(scene.sizing.at(scene.zoom) * scene.pixelRatio);
    const missing = this.load(scene, visible, sidePx, now);
    const fading = this.fade(elapsed, scene.fades, sidePx);
    this.fill(scene, sidePx);
    return fading || waiting || missing || this.pending !== null || this.decoded.length > 0;
  }

  /** The chosen items with their sizes, in the order in which they were chosen. */
  get order(): readonly (readonly [item: number, factor: number])[] {
    const { items = [], factors = [] } = this.choice ?? {};
    return items.map((item, i) => [item, factors[i]!]);
  }

  /** The items whose images are visible. */
  *items(): IterableIterator<number> {
    for (const [item, { opacity, leaving }] of this.shown)
      if (opacity > PICKABLE_OPACITY && !leaving) yield item;
  }

  has(item: number): boolean {
    const shown = this.shown.get(item);
    return shown !== undefined && shown.opacity > PICKABLE_OPACITY;
  }

  /** Width and height of an item's image, relative to the common size. */
  shape(item: number): readonly [number, number] {
    const factor = this.shown.get(item)?.factor ?? 1;
    const slot = this.atlas.find(0, item);
    if (!slot || this.cropped) return [factor, factor];
    const longest = Math.max(slot.width, slot.height) / factor;
    return [slot.width / longest, slot.height / longest];
  }

  private declutter(scene: Scene, now: number): boolean {
    const { view, size, sizing, layout, states, filter } = scene;
    const before = this.chosenFor;
    const same = before?.layout === layout && before.filter === filter;
    const turning = before?.view.turn.some((part, i) => part !== view.turn[i]);
    if (same && turning && now - before.at < TURN_MS) return true;
    const stepped = before?.sizing !== sizing;
    if (!same || stepped || turning || this.leaves(before.view, scene)) {
      // Zooming in keeps all chosen images. Zooming out chooses again, in the bundle's order.
      const closer = before && sizing.from >= before.sizing.from;
      const fill = this.fillOf(scene);
      const kept = same && closer && !(turning && fill) ? this.order : [];
      const distance = sizing.distance / (view.scale * (sizing.from / scene.zoom));
      const margin = MARGIN * sizing.distance;
      this.pending = new Declutter(
        layout,
        {
          distance,
          region: regionAround(view, size, margin),
          plane: viewAxes(view),
          nItems: this.thumbnails.nItems,
          states,
          fill,
          bounds: layout.dimensions === 2 ? scene.bounds : null,
        },
        kept,
      );
      this.chosenFor = { view, sizing, layout, filter, at: now };
    }
    const { pending } = this;
    if (pending) {
      const done = pending.step(scene.still ? STILL_MS : CHOOSING_MS);
      // images that still grow are not shown: they would shrink first. Others appear one by one.
      if (done || !sizing.fill) this.choice = pending;
      if (done) this.pending = null;
    }
    return false;
  }

  /** The sizes of images that make room for each other; null if all have the common size. */
  private fillOf({ layout, sizing }: Scene): Fill | null {
    if (layout.dimensions === 2 || !sizing.fill) return sizing.fill;
    // the margin of the stage has room for images of the common size, however the map is turned
    const factors = [RESIZED_PX / sizing.at(sizing.from)];
    return this.thumbnails.nItems <= MOST_RESIZED ? { ...sizing.fill, factors, most: 1 } : null;
  }

  /** Whether the stage has come near the edge of the region in which images were chosen. */
  private leaves(before: View, { view, size, sizing, zoom }: Scene): boolean {
    const ratio = view.scale / before.scale;
    const margin = (MARGIN / 2) * sizing.distance * (zoom / sizing.from);
    const [dx, dy, dz] = view.center.map((at, axis) => (at - before.center[axis]!) * view.scale);
    const shift = Math.hypot(dx!, dy!, dz!);
    const room = (Math.max(size.width, size.height) / 2) * Math.max(0, 1 - ratio);
    return shift + room > margin;
  }

  /** The image size to load: smaller than `sidePx` if the atlas cannot hold all images at that size. */
  private affordable(sidePx: number): number {
    let shelf = this.shelfFor(0, sidePx);
    if (shelf < 0 || this.shown.size <= this.atlas.room(shelf)) return sidePx;
    while (shelf > 0 && this.shown.size > this.atlas.room(shelf)) shelf--;
    return shelf === 0 ? TINY_PX : this.thumbnails.packs[shelf - 1]!.size_px;
  }

  /** The atlas shelf for an item at a size: 0 holds tiny copies, and i + 1 the images of pack i. */
  private shelfFor(item: number, sidePx: number): number {
    const pack = this.thumbnails.packFor(item, sidePx);
    return pack === 0 && sidePx <= TINY_PX ? 0 : pack < 0 ? -1 : pack + 1;
  }

  /** As `shelfFor`, for an item at its own size. Enlarged images must fit into their shelf. */
  private shelfOf(item: number, sidePx: number): number {
    const factor = this.shown.get(item)?.wantedFactor ?? 1;
    const shelf = this.shelfFor(item, sidePx * factor);
    if (factor <= 1 || shelf < 0 || this.shown.size <= this.atlas.room(shelf)) return shelf;
    return this.shelfFor(item, sidePx);
  }

  /** Return the chosen items on the stage; all other shown images begin to fade out. */
  private choose(scene: Scene): number[] {
    const { view, size, sizing, zoom, layout, settled, states, focus } = scene;
    if (!settled || !this.choice) return [...this.shown.keys()];
    const half = sizing.at(zoom);
    const region = regionAround(view, size, half);
    const plane = viewAxes(view);
    const visible: number[] = [];
    const hasRoom = sizing.hasRoom(zoom);
    const { items, factors } = this.choice;
    const sizes: number[] = []; // of `visible`
    let focusIsChosen = false;
    for (let i = 0; hasRoom && i <= items.length && visible.length < this.atlas.room(0); i++) {
      const item = i < items.length ? items[i]! : focus; // the focused item is the last
      if (item === null || item >= this.thumbnails.nItems) continue;
      if (i === items.length && focusIsChosen) continue;
      if (item === focus) focusIsChosen = true;
      const [u, v] = flatten(layout, plane, item);
      if (u < region.left || u > region.right || v < region.bottom || v > region.top) continue;
      if (states && states[item]! & HIDDEN) continue;
      visible.push(item);
      sizes.push(factors[i] ?? 1);
    }
    const here = new Set(visible);
    for (const [item, shown] of this.shown) {
      shown.leaving = !here.has(item);
      const [u, v] = flatten(layout, plane, item);
      const out = u < region.left || u > region.right || v < region.bottom || v > region.top;
      if (shown.leaving && out) this.shown.delete(item);
    }
    for (const [i, item] of visible.entries()) {
      const factor = sizes[i]!;
      const shown = this.shown.get(item);
      if (shown) shown.wantedFactor = factor;
      else this.shown.set(item, { opacity: 0, leaving: false, factor, wantedFactor: factor });
    }
    return visible;
  }

  /**
   * Request the missing blocks, those near the middle and early in the order first, and decode the
   * blocks that have arrived. Returns whether work is left for the next frame.
   */
  private load(scene: Scene, visible: readonly number[], sidePx: number, now: number): boolean {
    const { thumbnails, atlas } = this;
    const wanted = new Map<string, Wanted>();
    const stop = timeMs() + (scene.still ? STILL_MS : DECODING_MS);
    let late = false;
    const [u0, v0] = middle(scene.view);
    const reach = Math.hypot(scene.size.width, scene.size.height) / 2 / scene.view.scale;
    for (const item of visible) {
      const shelf = this.shelfOf(item, sidePx);
      const pack = Math.max(shelf - 1, 0);
      const key = `${shelf}/${item}`;
      if (shelf < 0 || atlas.has(shelf, item) || this.decoding.has(key) || this.broken.has(key))
        continue;
      const bytes = thumbnails.bytes(pack, item);
      if (bytes) {
        if (this.decoding.size >= MOST_DECODING) continue; // the next decoded image requests a frame
        if (timeMs() < stop) this.decode(shelf, item, key, bytes);
        else late = true;
        continue;
      }
      const [u, v] = flatten(scene.layout, viewAxes(scene.view), item);
      // an item that already has some image can wait for a sharper one
      const patience = atlas.find(shelf, item) ? HAS_IMAGE_RANK : 0;
      const order = Math.log2(item + 2) / ORDER_DOUBLINGS;
      const rank = Math.hypot(u - u0, v - v0) / reach + order + patience;
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

  private decode(shelf: number, item: number, key: string, bytes: Uint8Array<ArrayBuffer>): void {
    this.decoding.add(key);
    createImageBitmap(new Blob([bytes], { type: "image/webp" }))
      .then((image) => (shelf === 0 ? shrunk(image, TINY_PX) : image))
      .then(
        (image) => {
          if (this.closed) image.close();
          else this.decoded.push({ shelf, item, image });
        },
        (error: unknown) => {
          this.decoding.delete(key);
          this.broken.add(key); // the item stays a point
          console.warn(`The image of item ${item} cannot be decoded: ${error}`);
        },
      )
      .finally(() => this.changed());
  }

  private upload(still: boolean): void {
    const stop = timeMs() + (still ? STILL_MS : UPLOADING_MS);
    while (this.decoded.length > 0) {
      const { shelf, item, image } = this.decoded.shift()!;
      this.atlas.put(shelf, item, image);
      this.decoding.delete(`${shelf}/${item}`);
      image.close();
      if (timeMs() > stop) break;
    }
  }

  private fade(elapsed: number, fades: boolean, sidePx: number): boolean {
    let fading = false;
    for (const [item, shown] of this.shown) {
      const target = !shown.leaving && this.atlas.find(this.shelfOf(item, sidePx), item) ? 1 : 0;
      if (resize(shown, fades ? elapsed / GROWING_MS : 1)) fading = true;
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
    // images that fade out are drawn below the others
    for (const leaving of [true, false]) {
      for (const [item, shown] of this.shown) {
        if (shown.leaving !== leaving || shown.opacity <= 0) continue;
        const slot = this.atlas.find(this.shelfOf(item, sidePx), item);
        if (!slot) continue;
        const { data } = this;
        const state = states ? states[item]! : 0;
        const part = scene.cropped ? square(slot) : slot;
        const longest = Math.max(part.width, part.height) / shown.factor;
        const color = scene.colorOf(item);
        data[at++] = positions[item * dimensions]!;
        data[at++] = positions[item * dimensions + 1]!;
        data[at++] = dimensions === 3 ? positions[item * dimensions + 2]! : 0;
        data[at++] = cells ? cells[2 * item]! : 0;
        data[at++] = cells ? cells[2 * item + 1]! : 0;
        data[at++] = part.width / longest;
        data[at++] = part.height / longest;
        data[at++] = part.x;
        data[at++] = part.y;
        data[at++] = part.width;
        data[at++] = part.height;
        data[at++] = color[0];
        data[at++] = color[1];
        data[at++] = color[2];
        data[at++] = slot.layer;
        data[at++] = shown.opacity;
        data[at++] = state & (SELECTED | MATCHED) ? 1 : 0;
        data[at++] = state & (DIMMED | FADED) ? 1 : 0;
      }
    }
    this.count = at / FLOATS;
  }
}

/** Change an image's size toward the wanted size. A smaller size applies immediately, so that images never overlap. */
function resize(shown: Shown, step: number): boolean {
  if (shown.factor === shown.wantedFactor) return false;
  const isNew = shown.opacity === 0;
  shown.factor = isNew ? shown.wantedFactor : Math.min(shown.factor + step, shown.wantedFactor);
  return true;
}
