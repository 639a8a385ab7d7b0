import { describe, expect, test } from "vitest";
import { NO_TURN, product, project, type Vector } from "../camera/projection";
import { Chunks } from "../layout/chunks";
import type { Layout } from "../layout/positions";
import { HIDDEN, type Point, type View } from "../stage";
import { isEmpty, nearest, nextItem, within } from "./find-items";

const SIZE = { width: 800, height: 600 };
const N = 6000;

function scattered(dimensions: 2 | 3): Layout {
  let state = 7;
  const positions = Float32Array.from({ length: dimensions * N }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (10 * state) / 2 ** 32 - 5;
  });
  return { positions, dimensions, chunks: new Chunks(positions, dimensions, [256, 512, 1024, N]) };
}

const flat: View = { center: [1, -1, 0], scale: 90, turn: NO_TURN };
const cases: [string, Layout, View][] = [
  ["two dimensions", scattered(2), flat],
  ["three dimensions", scattered(3), { ...flat, turn: product([0.4, 0.2, -0.1, 0.9], NO_TURN) }],
];

describe.each(cases)("in %s", (_, layout, view) => {
  const at = (item: number): Point => {
    const d = layout.dimensions;
    const position = [0, 1, 2].map((axis) => (axis < d ? layout.positions[item * d + axis]! : 0));
    return project(view, SIZE, position as unknown as Vector);
  };
  const states = Uint8Array.from({ length: N }, (_, i) => (i % 3 === 0 ? HIDDEN : 0));
  const scope = { layout, states, view, size: SIZE };
  const shown = Array.from({ length: N }, (_, i) => i).filter((i) => i % 3 !== 0);

  test("the stage is empty if no visible item is on it", () => {
    const away: View = { ...view, center: [60, 60, 60] };
    const near: View = { ...view, scale: 1e7 };
    const between: View = { ...near, center: [1.23456, 1.23456, 0] };
    const on = Array.from(layout.positions.slice(0, layout.dimensions));
    const onItem: View = { ...near, center: [on[0]!, on[1]!, on[2] ?? 0] };
    expect(isEmpty({ layout, states: null, view, size: SIZE })).toBe(false);
    expect(isEmpty({ layout, states: null, view: away, size: SIZE })).toBe(true);
    expect(isEmpty({ layout, states: null, view: between, size: SIZE })).toBe(true);
    expect(isEmpty({ layout, states: null, view: onItem, size: SIZE })).toBe(false);
    expect(isEmpty({ layout, states, view: onItem, size: SIZE })).toBe(true); // the first is hidden
  });

  test("the nearest item equals the result of a full search", () => {
    for (const pointer of [
      { x: 400, y: 300 },
      { x: 10, y: 590 },
      { x: 520.5, y: 77 },
    ]) {
      const distance = (i: number) => Math.hypot(at(i).x - pointer.x, at(i).y - pointer.y);
      const brute = shown.reduce((a, b) => (distance(b) < distance(a) ? b : a));
      expect(nearest(scope, pointer, 60)).toBe(brute);
      expect(nearest(scope, pointer, distance(brute) * 0.99)).toBeNull();
    }
  });

  test("a rectangle and a lasso contain the items inside", () => {
    const rectangle = [
      [100, 50],
      [500, 50],
      [500, 420],
      [100, 420],
    ].map(([x, y]) => ({ x: x!, y: y! }));
    const inside = shown.filter((i) => {
      const { x, y } = at(i);
      return x > 100 && x < 500 && y > 50 && y < 420;
    });
    expect([...within(scope, rectangle)]).toEqual(inside);
    const triangle = [
      { x: 0, y: 0 },
      { x: 800, y: 0 },
      { x: 0, y: 600 },
    ];
    const above = shown.filter((i) => {
      const { x, y } = at(i);
      return x > 0 && y > 0 && x / 800 + y / 600 < 1;
    });
    expect([...within(scope, triangle)]).toEqual(above);
    expect(within(scope, triangle.slice(1))).toHaveLength(0);
  });

  test("the next item is the cheapest one in the direction", () => {
    const from = nearest(scope, { x: 400, y: 300 }, 100)!;
    const start = at(from);
    for (const [direction, dx, dy] of [
      ["left", -1, 0],
      ["right", 1, 0],
      ["up", 0, -1],
      ["down", 0, 1],
    ] as const) {
      const cost = (i: number) => {
        const x = at(i).x - start.x;
        const y = at(i).y - start.y;
        const ahead = x * dx + y * dy;
        const aside = Math.abs(x * dy - y * dx);
        return i === from || ahead < 0.25 || aside > ahead
          ? Number.POSITIVE_INFINITY
          : Math.hypot(ahead, 2 * aside);
      };
      const brute = shown.reduce((a, b) => (cost(b) < cost(a) ? b : a));
      expect(nextItem(scope, { item: from, at: start }, direction)).toBe(brute);
    }
  });

  test("there is no next item after the last", () => {
    const last = shown.reduce((a, b) => (at(b).x > at(a).x ? b : a));
    expect(nextItem(scope, { item: last, at: at(last) }, "right")).toBeNull();
  });
});
