import { expect, it } from "vitest";
import { project } from "./camera";
import { Viewpoint } from "./viewpoint";

function viewpoint(): Viewpoint {
  const box = { lower: [0, 0, 0], upper: [10, 10, 0] } as const;
  return new Viewpoint(
    box,
    { width: 400, height: 400 },
    100,
    () => false,
    () => {},
  );
}

it("stands where it is put before a frame is drawn, and draws it once", () => {
  const eye = viewpoint();
  const view = { ...eye.current, center: [3, 4, 0], scale: 2 * eye.current.scale } as const;
  eye.go(view, false);
  expect(eye.current).toEqual(view);
  expect(eye.advance(performance.now())).toBe(true);
  expect(eye.advance(performance.now())).toBe(false);
});

it("is on its way until a smooth move ends", () => {
  const eye = viewpoint();
  const before = eye.current;
  eye.go({ ...before, scale: 2 * before.scale }, true);
  expect(eye.current).toBe(before);
  expect(eye.goal.scale).toBe(2 * before.scale);
  eye.advance(performance.now() + 10_000);
  expect(eye.current).toBe(eye.goal);
  expect(eye.moving).toBe(false);
});

const AREA = { left: 100, right: 400, top: 0, bottom: 200 };

it("shows a box whole in the part of the stage that is free", () => {
  const eye = viewpoint();
  const view = eye.whole({ lower: [0, 0, 0], upper: [10, 10, 0] }, AREA, 0);
  expect(project(view, eye.size, [0, 0, 0])).toEqual({ x: 150, y: 200 });
  expect(project(view, eye.size, [10, 10, 0])).toEqual({ x: 350, y: 0 });
  const within = eye.whole({ lower: [0, 0, 0], upper: [10, 10, 0] }, AREA, 20);
  expect(project(within, eye.size, [0, 0, 0])).toEqual({ x: 170, y: 180 });
});

it("looks at a single place from near, and from no farther than one is", () => {
  const eye = viewpoint();
  const place = [2, 3, 0] as const;
  const near = eye.near({ lower: place, upper: place }, AREA, 0);
  expect(near.scale).toBeCloseTo(4 * eye.fitScale);
  expect(project(near, eye.size, place).x).toBeCloseTo(250);
  expect(project(near, eye.size, place).y).toBeCloseTo(100);
  eye.go({ ...near, scale: 3 * near.scale }, false);
  expect(eye.near({ lower: place, upper: place }, AREA, 0).scale).toBeCloseTo(3 * near.scale);
});

it("does not move to where it is", () => {
  const eye = viewpoint();
  const before = eye.current;
  eye.go({ ...before, center: [...before.center] }, false);
  expect(eye.current).toBe(before);
  expect(eye.advance(performance.now())).toBe(false);
});

it("shows the map whole in a corner too, and lets nobody go far from it", () => {
  const eye = viewpoint();
  const corner = { left: 240, right: 400, top: 240, bottom: 400 };
  const box = { lower: [0, 0, 0], upper: [10, 10, 0] } as const;
  eye.go(eye.whole(box, corner, 0), false);
  expect(project(eye.goal, eye.size, [0, 10, 0])).toEqual({ x: 240, y: 240 });
  eye.pan(-1000, -1000);
  expect(eye.goal.center[0]).toBeLessThan(25);
});
