import { afterEach, expect, test, vi } from "vitest";
import type { Thumbnails } from "../../bundle/thumbnails";
import { Chunks } from "../layout/chunks";
import { sizingFor } from "../layout/sizes";
import { HIDDEN } from "../stage";
import { square } from "./crop";
import { Gallery } from "./gallery";
import type { Scene } from "./scene";

let uploadMs = 0;
let spentMs = 0;

/** WebGL that takes everything and draws nothing; an upload takes `uploadMs`. */
const NOTHING = new Proxy(
  {},
  {
    get: (_, name) => () => {
      if (name === "texSubImage3D") spentMs += uploadMs;
      return {};
    },
  },
) as WebGL2RenderingContext;

afterEach(() => {
  uploadMs = 0;
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Show a gallery of items at these positions until it rests. */
async function shown(positions: Float32Array, changed: Partial<Scene> = {}) {
  let decoded = 0;
  vi.stubGlobal("createImageBitmap", async () => {
    decoded++;
    return { width: 4, height: 4, close() {} };
  });
  const { dimensions = 2 } = changed;
  const n = positions.length / dimensions;
  const packs = [32, 64, 128].map((size_px) => ({ size_px, n_items: n }));
  const thumbnails = {
    packs,
    nItems: n,
    packFor: (_: number, px: number) =>
      Math.max(
        0,
        packs.findIndex((p) => p.size_px >= px),
      ),
    bytes: () => new Uint8Array(1),
    blockOf: () => 0,
    want: () => {},
  } as unknown as Thumbnails;
  const size = { width: 4000, height: 2000 };
  const scene: Scene = {
    view: { center: [19.5, 9.5, 0], scale: 100, turn: [0, 0, 0, 1] },
    size,
    pixelRatio: 1,
    zoom: 1,
    layout: { positions, dimensions, chunks: new Chunks(positions, dimensions, [n]) },
    sizing: sizingFor(size, n, 1, { side: 100, least: 16 }),
    states: null,
    filter: 0,
    positions,
    dimensions,
    cells: null,
    colorOf: () => [0, 0, 0],
    settled: true,
    fades: false,
    still: true,
    focus: null,
    cropped: false,
    bounds: null,
    ...changed,
  };
  const gallery = new Gallery(NOTHING, thumbnails, size.width * size.height, () => {});
  for (let frame = 0; frame < 60; frame++) {
    gallery.update(scene, 100 * frame);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return { gallery, decoded };
}

test("each image is read once, even if the atlas has no room for the largest size", async () => {
  const n = 40 * 20;
  const positions = Float32Array.from({ length: 2 * n }, (_, i) =>
    i % 2 ? Math.floor(i / 80) : Math.floor(i / 2) % 40,
  );
  const { gallery, decoded } = await shown(positions);
  expect(gallery.count).toBe(n);
  expect(decoded).toBe(n);
});

test("each image is read once when uploads are slow", async () => {
  const now = performance.now();
  vi.spyOn(performance, "now").mockImplementation(() => now + spentMs);
  uploadMs = 100; // one a frame
  const { decoded } = await shown(Float32Array.from({ length: 60 }, (_, i) => (i % 2 ? 9 : i / 2)));
  expect(decoded).toBe(30);
});

test("the focused image is shown above the image that overlaps it", async () => {
  const positions = Float32Array.of(19, 9, 19.1, 9, 25, 9);
  const seen = async (changed: Partial<Scene>) => [
    ...(await shown(positions, changed)).gallery.items(),
  ];
  expect(await seen({})).toEqual([0, 2]);
  expect(await seen({ focus: 1 })).toEqual([0, 2, 1]);
  expect(await seen({ focus: 2 })).toEqual([0, 2]);
  expect(await seen({ focus: 1, states: Uint8Array.of(0, HIDDEN, 0) })).toEqual([0, 2]);
});

test("every cell of a grid of many small cells shows its image", async () => {
  const side = 40;
  const positions = Float32Array.from({ length: 2 * side * side }, (_, i) =>
    i % 2 ? Math.floor(i / 2 / side) : Math.floor(i / 2) % side,
  );
  const size = { width: 4000, height: 2000 };
  const { gallery } = await shown(positions, {
    view: { center: [19.5, 19.5, 0], scale: 8, turn: [0, 0, 0, 1] },
    sizing: sizingFor(size, side * side, 1, { side: 8, least: 8 }),
  });
  expect(gallery.count).toBe(side * side);
});

/** Show a 3-D map of `n` items; the items differ in depth and are less than an image apart. */
async function deep(n: number, size = { width: 1200, height: 800 }, scale = 60) {
  const positions = Float32Array.from({ length: 3 * n }, (_, i) =>
    i % 3 === 0 ? Math.floor(i / 3) % 6 : i % 3 === 1 ? Math.floor(i / 18) : i / 3,
  );
  const sizing = sizingFor(size, n, 1, null);
  const view = { center: [2.5, 0.5, 0], scale, turn: [0, 0, 0, 1] } as const;
  const { gallery } = await shown(positions, { dimensions: 3, size, sizing, view });
  const items = [...gallery.items()];
  return { items, sides: items.map((item) => sizing.at(1) * gallery.shape(item)[0]), sizing };
}

test("each of few images of a 3-D map has room", async () => {
  const { items, sides, sizing } = await deep(12); // 60 px apart
  expect(sizing.at(1)).toBe(160);
  expect(items).toHaveLength(12);
  expect(Math.max(...sides)).toBeLessThan(2 * 60);
  expect(Math.min(...sides)).toBeGreaterThan(24);
});

test("each of few images of a 3-D map on a phone has room, if they are 26 px apart", async () => {
  const { items, sides } = await deep(12, { width: 390, height: 844 }, 26);
  expect(items).toHaveLength(12);
  expect(Math.min(...sides)).toBeGreaterThan(12);
  expect(Math.max(...sides)).toBeLessThan(2 * 26);
});

test("many images of a 3-D map have the common size", async () => {
  const { items, sides, sizing } = await deep(72);
  expect(items.length).toBeLessThan(72);
  expect(sides).toEqual(items.map(() => sizing.at(1)));
});

test("a cropped image is the square in its middle", () => {
  expect(square({ x: 10, y: 20, width: 40, height: 30 })).toEqual({
    x: 15,
    y: 20,
    width: 30,
    height: 30,
  });
});
