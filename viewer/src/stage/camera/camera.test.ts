import { expect, it } from "vitest";
import { Camera } from "./camera";
import { project } from "./projection";

function viewpoint(): Camera {
  const box = { lower: [0, 0, 0], upper: [10, 10, 0] } as const;
  return new Camera(box, {
    size: { width: 400, height: 400 },
    nItems: 100,
    reducedMotion: () => false,
    changed: () => {},
  });
}

it("a view that is set is current before a frame is drawn, and changes once", () => {
  const camera = viewpoint();
  const view = { ...camera.current, center: [3, 4, 0], scale: 2 * camera.current.scale } as const;
  camera.go(view, false);
  expect(camera.current).toEqual(view);
  expect(camera.advance(performance.now())).toBe(true);
  expect(camera.advance(performance.now())).toBe(false);
});

it("the camera moves until a smooth transition ends", () => {
  const camera = viewpoint();
  const before = camera.current;
  camera.go({ ...before, scale: 2 * before.scale }, true);
  expect(camera.current).toBe(before);
  expect(camera.target.scale).toBe(2 * before.scale);
  camera.advance(performance.now() + 10_000);
  expect(camera.current).toBe(camera.target);
  expect(camera.moving).toBe(false);
});

const AREA = { left: 100, right: 400, top: 0, bottom: 200 };

it("a box fits into a part of the stage", () => {
  const camera = viewpoint();
  const view = camera.whole({ lower: [0, 0, 0], upper: [10, 10, 0] }, AREA, 0);
  expect(project(view, camera.size, [0, 0, 0])).toEqual({ x: 150, y: 200 });
  expect(project(view, camera.size, [10, 10, 0])).toEqual({ x: 350, y: 0 });
  const within = camera.whole({ lower: [0, 0, 0], upper: [10, 10, 0] }, AREA, 20);
  expect(project(within, camera.size, [0, 0, 0])).toEqual({ x: 170, y: 180 });
});

it("a single point is shown at a minimum scale, and never at a smaller scale than now", () => {
  const camera = viewpoint();
  const place = [2, 3, 0] as const;
  const near = camera.near({ lower: place, upper: place }, AREA, 0);
  expect(near.scale).toBeCloseTo(4 * camera.fitScale);
  expect(project(near, camera.size, place).x).toBeCloseTo(250);
  expect(project(near, camera.size, place).y).toBeCloseTo(100);
  camera.go({ ...near, scale: 3 * near.scale }, false);
  expect(camera.near({ lower: place, upper: place }, AREA, 0).scale).toBeCloseTo(3 * near.scale);
});

it("setting the current view changes nothing", () => {
  const camera = viewpoint();
  const before = camera.current;
  camera.go({ ...before, center: [...before.center] }, false);
  expect(camera.current).toBe(before);
  expect(camera.advance(performance.now())).toBe(false);
});

it("the map fits into a corner of the stage, and the view cannot leave the map far behind", () => {
  const camera = viewpoint();
  const corner = { left: 240, right: 400, top: 240, bottom: 400 };
  const box = { lower: [0, 0, 0], upper: [10, 10, 0] } as const;
  camera.go(camera.whole(box, corner, 0), false);
  expect(project(camera.target, camera.size, [0, 10, 0])).toEqual({ x: 240, y: 240 });
  camera.pan(-1000, -1000);
  expect(camera.target.center[0]).toBeLessThan(25);
});

it("the map fits above a panel that covers most of a phone", () => {
  const box = { lower: [0, 0, 0], upper: [10, 2, 0] } as const;
  const camera = new Camera(box, {
    size: { width: 390, height: 844 },
    nItems: 100,
    reducedMotion: () => false,
    changed: () => {},
  });
  camera.go(camera.whole(box, { left: 0, right: 390, top: 50, bottom: 290 }, 0), false);
  expect(project(camera.target, camera.size, [5, 1, 0]).y).toBeCloseTo(170);
});
