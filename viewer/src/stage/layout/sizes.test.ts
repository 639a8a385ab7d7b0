import { expect, test } from "vitest";
import { borderSize, fitMargin, imageSize, leastCell, pointSize, sizingFor } from "./sizes";

const SIZE = { width: 1280, height: 800 };

test.each([1, 500, 20_000, 1_000_000])("images of %i items never overlap within a step", (n) => {
  for (let zoom = 0.5; zoom < 5000; zoom *= 1.07) {
    const sizing = sizingFor(SIZE, n, zoom, null);
    expect(zoom).toBeGreaterThanOrEqual(sizing.from);
    expect(zoom).toBeLessThanOrEqual(sizing.to * 1.0001);
    const side = sizing.at(zoom);
    const apart = (sizing.distance * zoom) / sizing.from;
    expect(apart).toBeGreaterThan(side + 2 * borderSize(side));
  }
});

test.each([0.5, 3, 40])("in a grid of cells of %d px each image fits into its cell", (cell) => {
  for (let zoom = 14 / cell; zoom < 2000; zoom *= 1.13) {
    const sizing = sizingFor(SIZE, 10_000, zoom, { side: cell, least: 10 });
    const side = sizing.at(zoom);
    expect(sizing.hasRoom(zoom)).toBe(true);
    expect(side + 2 * borderSize(side)).toBeLessThan(cell * zoom);
    expect(side).toBeGreaterThan(0.5 * cell * zoom);
    expect(sizing.distance).toBeLessThan(cell * sizing.from); // so every cell has its image
  }
});

test("a grid of cells too small for images has points", () => {
  const cells = { side: 0.8, least: leastCell(1) };
  expect(sizingFor(SIZE, 1_000_000, 1, cells).hasRoom(1)).toBe(false);
  expect(sizingFor(SIZE, 1_000_000, 40, cells).hasRoom(40)).toBe(true);
});

test.each([1, 2, 3])(
  "with %i device pixels per CSS pixel, cells of 8 device pixels have images",
  (ratio) => {
    const cells = { side: 2, least: leastCell(ratio) };
    for (let zoom = 0.5; zoom < 16; zoom *= 1.01) {
      const hasRoom = sizingFor(SIZE, 10_000, zoom, cells).hasRoom(zoom);
      expect(hasRoom).toBe(2 * zoom * ratio >= 8);
    }
  },
);

test("sizes grow with the zoom, between bounds", () => {
  expect(imageSize(SIZE, 1_000_000, 1)).toBe(32);
  expect(imageSize(SIZE, 1_000_000, 1e4)).toBe(160);
  expect(pointSize(SIZE, 1_000_000, 1)).toBeLessThan(2);
  expect(pointSize(SIZE, 500, 1)).toBeGreaterThan(6);
  expect(pointSize(SIZE, 500, 1e5)).toBe(12);
});

test.each([154, 962])(
  "of %i images, none is more than a fifth larger than the common size",
  (n) => {
    expect(sizingFor(SIZE, n, 1, null).fill?.most).toBeLessThanOrEqual(1.2);
  },
);

test("the fit margin has room for the images at the edge", () => {
  expect(fitMargin(0)).toBe(28);
  expect(fitMargin(72)).toBeGreaterThan(36 + borderSize(72));
});
