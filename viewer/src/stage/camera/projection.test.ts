import { describe, expect, test } from "vitest";
import type { View } from "../stage";
import {
  axes,
  between,
  fitted,
  matrix,
  NO_TURN,
  panned,
  product,
  project,
  turned,
  zoomed,
} from "./projection";

const SIZE = { width: 800, height: 600 };
const FLAT: View = { center: [3, -2, 0], scale: 40, turn: NO_TURN };
const TILTED: View = { ...FLAT, turn: product([0.3, 0.1, 0.2, 0.9], NO_TURN) };

function close(a: readonly number[], b: readonly number[]): void {
  for (const [i, value] of a.entries()) expect(value).toBeCloseTo(b[i]!, 4);
}

describe.each([FLAT, TILTED])("a view", (view) => {
  test("the center is in the middle of the stage", () => {
    expect(project(view, SIZE, view.center)).toEqual({ x: 400, y: 300 });
  });

  test("projection and matrix agree", () => {
    const m = matrix(view, SIZE, 10);
    const at = [4, 1, 0.5] as const;
    const clip = [0, 1].map(
      (r) => m[r]! * at[0] + m[4 + r]! * at[1] + m[8 + r]! * at[2] + m[12 + r]!,
    );
    const { x, y } = project(view, SIZE, at);
    close([(clip[0]! + 1) * 400, (1 - clip[1]!) * 300], [x, y]);
  });

  test("a drag moves the map with the pointer", () => {
    const { x, y } = project(panned(view, 30, -50), SIZE, [4, 1, 0.5]);
    const before = project(view, SIZE, [4, 1, 0.5]);
    close([x, y], [before.x + 30, before.y - 50]);
  });

  test("a zoom fixes the position under the pointer, also between two views", () => {
    const at = project(view, SIZE, [5, -1, 0]);
    const end = zoomed(view, SIZE, 1000, at);
    for (const t of [0, 0.3, 0.8, 1]) {
      const { x, y } = project(between(view, end, t), SIZE, [5, -1, 0]);
      close([x, y], [at.x, at.y]);
    }
    expect(end.scale).toBe(1000);
  });
});

test("y points up", () => {
  expect(project(FLAT, SIZE, [3, -1, 0]).y).toBe(260);
});

test("a trackball drag moves the front of the map with the pointer", () => {
  const view = turned({ ...FLAT, center: [0, 0, 0] }, SIZE, { x: 400, y: 300 }, { x: 430, y: 300 });
  const { x, y } = project(view, SIZE, [0, 0, 1]);
  expect(x).toBeGreaterThan(400);
  expect(y).toBeCloseTo(300);
  const rows = axes(view.turn);
  for (const a of rows)
    for (const b of rows) {
      expect(a[0] * b[0] + a[1] * b[1] + a[2] * b[2]).toBeCloseTo(a === b ? 1 : 0);
    }
});

test("a box fits with its margin, and a box without extent has a finite scale", () => {
  const view = fitted({ lower: [0, 0, 0], upper: [10, 1, 0] }, SIZE, NO_TURN, 40);
  expect(project(view, SIZE, [0, 0.5, 0])).toEqual({ x: 40, y: 300 });
  expect(fitted({ lower: [1, 1, 0], upper: [1, 1, 0] }, SIZE, NO_TURN, 40).scale).toBe(1);
});
