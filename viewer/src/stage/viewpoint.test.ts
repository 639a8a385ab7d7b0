import { expect, it } from "vitest";
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
