import { expect, it } from "vitest";
import { Camera } from "./camera/camera";
import { project } from "./camera/projection";
import { Chunks } from "./layout/chunks";
import { wholeView } from "./whole-view";

const BOX = { lower: [0, 0, 0], upper: [10, 10, 0] } as const;
const AREA = { left: 0, right: 600, top: 0, bottom: 400 };
const CORNER = { left: 350, bottom: 50 };

function camera(): Camera {
  return new Camera(BOX, {
    size: { width: 600, height: 400 },
    nItems: 2,
    reducedMotion: () => false,
    changed: () => {},
  });
}

function layout(positions: readonly number[]) {
  const values = Float32Array.from(positions);
  return { positions: values, dimensions: 2, box: BOX, chunks: new Chunks(values, 2, [2]) };
}

const inCorner = layout([0, 0, 10, 10]);

it("a map without items in the corner fills the area", () => {
  const there = camera();
  const view = wholeView(there, layout([0, 10, 10, 0]), { ...AREA, corner: CORNER }, 20);
  expect(view).toEqual(there.whole(BOX, AREA, 20));
  expect(wholeView(there, inCorner, { ...AREA, corner: null }, 20)).toEqual(view);
});

it("a map with an item in the corner is below or beside the panel, where the map is larger", () => {
  const there = camera();
  const below = wholeView(there, inCorner, { ...AREA, corner: CORNER }, 20);
  expect(project(below, there.size, [10, 10, 0]).y).toBeCloseTo(70);
  const beside = wholeView(there, inCorner, { ...AREA, corner: { left: 460, bottom: 200 } }, 20);
  expect(project(beside, there.size, [10, 10, 0]).x).toBeLessThan(460);
  expect(beside.scale).toBeGreaterThan(below.scale);
});
