import { expect, it } from "vitest";
import { linkOutline, outline, type StageSnapshot } from "./pointing";

/** A stage of 200 x 200 pixels with point 0 in the middle, image 1 and the hidden item 2. */
function snapshot(pointPx: number): StageSnapshot {
  const view = { center: [0, 0, 0], scale: 1, turn: [0, 0, 0, 1] };
  return {
    camera: { current: view, size: { width: 200, height: 200 }, zoom: 1 },
    layouts: { blend: 0, positionOf: () => [0, 0, 0] },
    items: { isHidden: (item: number) => item === 2, colorOf: () => [1, 0.5, 0] },
    gallery: { has: (item: number) => item === 1, shape: () => [1, 0.5] },
    sizing: { at: () => 56 },
    pointPx,
  } as unknown as StageSnapshot;
}

it("the ring of a neighbor is as large as its point, and filled with its color", () => {
  const at = { x: 100, y: 100 };
  const ring = { at, halfWidth: 5, halfHeight: 5, round: true, fill: "rgb(255,128,0)" };
  expect(linkOutline(snapshot(8), 0)).toEqual(ring);
  expect(linkOutline(snapshot(2), 0)).toEqual({ ...ring, halfWidth: 3.5, halfHeight: 3.5 });
  expect(outline(snapshot(8), 0)?.halfWidth).toBe(8); // of the point under the pointer
});

it("the ring of an image is around the image, and a hidden item has none", () => {
  const ring = linkOutline(snapshot(8), 1);
  expect(ring).toEqual(outline(snapshot(8), 1));
  expect(ring).toMatchObject({ halfWidth: 31.5, halfHeight: 17.5, round: false });
  expect(linkOutline(snapshot(8), 2)).toBeNull();
});
