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

test.each([0.5, 3, 40])("in a grid of cells of %d px each image fits into its own", (cell) => {
  for (let zoom = 14 / cell; zoom < 2000; zoom *= 1.13) {
    const sizing = sizingFor(SIZE, 10_000, zoom, { side: cell, least: 10 });
    const side = sizing.at(zoom);
    expect(sizing.room).toBe(true);
    expect(side + 2 * borderSize(side)).toBeLessThan(cell * zoom);
    expect(side).toBeGreaterThan(0.5 * cell * zoom);
    expect(sizing.distance).toBeLessThan(cell * sizing.from); // so every cell has its image
  }
});

test("a grid of cells too small for images has points", () => {
  const cells = { side: 0.8, least: leastCell(1) };
  expect(sizingFor(SIZE, 1_000_000, 1, cells).room).toBe(false);
  expect(sizingFor(SIZE, 1_000_000, 40, cells).room).toBe(true);
});

test("a phone shows 500 images in a grid, whose cells are smaller than another screen's images", () => {
  const phone = { width: 390, height: 844 };
  const shows = (pixelRatio: number) =>
    sizingFor(phone, 500, 1, { side: 12.8, least: leastCell(pixelRatio) }).room;
  expect([1, 2, 3].map(shows)).toEqual([false, true, true]);
});

test("sizes grow with the zoom, between bounds", () => {
  expect(imageSize(SIZE, 1_000_000, 1)).toBe(32);
  expect(imageSize(SIZE, 1_000_000, 1e4)).toBe(128);
  expect(pointSize(SIZE, 1_000_000, 1)).toBeLessThan(2);
  expect(pointSize(SIZE, 500, 1)).toBeGreaterThan(6);
  expect(pointSize(SIZE, 500, 1e5)).toBe(12);
});

test("what is shown whole has room for the images at its edge", () => {
  expect(fitMargin(0)).toBe(28);
  expect(fitMargin(72)).toBeGreaterThan(36 + borderSize(72));
});
