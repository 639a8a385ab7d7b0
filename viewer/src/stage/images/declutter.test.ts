import { expect, test } from "vitest";
import { Chunks } from "../layout/chunks";
import { flatten, type Layout } from "../layout/positions";
import type { Region, ViewAxes } from "../layout/region";
import { DIMMED, HIDDEN } from "../stage";
import { Declutter, type Rule } from "./declutter";

const FLAT: ViewAxes = [
  [1, 0, 0],
  [0, 1, 0],
];

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function scattered(n: number): Layout {
  const next = random(1);
  const positions = Float32Array.from({ length: 2 * n }, () => 10 * next());
  return { positions, dimensions: 2, chunks: new Chunks(positions, 2, [256, n]) };
}

const layout = scattered(20_000);
const all: Region = { left: 0, right: 10, bottom: 0, top: 10 };
const rule: Rule = {
  distance: 0.3,
  region: all,
  plane: FLAT,
  nItems: 20_000,
  states: null,
  fill: null,
  bounds: null,
};

function place(changed: Partial<Rule> = {}, kept: number[] = []): number[] {
  const before = kept.map((item) => [item, 1] as const);
  const placement = new Declutter(layout, { ...rule, ...changed }, before);
  placement.step(1e6);
  return placement.items;
}

function overlap(a: number, b: number, distance: number): boolean {
  const [au, av] = flatten(layout, FLAT, a);
  const [bu, bv] = flatten(layout, FLAT, b);
  return Math.abs(au - bu) < distance && Math.abs(av - bv) < distance;
}

test("the choice is greedy in the bundle's order, without overlaps and without gaps", () => {
  const greedy: number[] = [];
  for (let item = 0; item < 20_000; item++) {
    if (!greedy.some((other) => overlap(item, other, 0.3))) greedy.push(item);
  }
  expect(place()).toEqual(greedy);
});

test("the choice does not depend on the position of the view", () => {
  const whole = new Set(place());
  const near = place({ region: { left: 2, right: 8, bottom: 1, top: 9 } });
  const inside = near.filter((item) => {
    const [u, v] = flatten(layout, FLAT, item);
    return u > 4.5 && u < 5.5 && v > 4 && v < 6; // eight distances from the region's edge
  });
  expect(inside.length).toBeGreaterThan(8);
  expect(inside.filter((item) => !whole.has(item))).toEqual([]);
});

test("chosen items stay when there is more room", () => {
  const before = place();
  const closer = place({ distance: 0.2 }, before);
  expect(closer.slice(0, before.length)).toEqual(before);
  expect(closer.length).toBeGreaterThan(before.length * 1.3);
  const clash = closer.some((a, i) => closer.slice(i + 1).some((b) => overlap(a, b, 0.2)));
  expect(clash).toBe(false);
});

test("hidden items are never chosen, and dimmed items come last", () => {
  const states = new Uint8Array(20_000);
  states.fill(HIDDEN, 0, 1000);
  states.fill(DIMMED, 1000, 19_990);
  const shown = place({ states });
  expect(Math.min(...shown)).toBeGreaterThanOrEqual(1000);
  expect(shown[0]).toBe(19_990);
  expect(shown.length).toBeGreaterThan(500);
});

test("a choice continues where it stopped", () => {
  const placement = new Declutter(layout, rule);
  let steps = 1;
  while (!placement.step(0)) steps++;
  expect(steps).toBeGreaterThan(2);
  expect(placement.items).toEqual(place());
});

test("items without an image are never chosen", () => {
  expect(Math.max(...place({ nItems: 300 }))).toBeLessThan(300);
});

/** The items, the sides and the positions of the images of a map that is filled. */
function filled(n: number, bounds: Region | null = null) {
  const few = scattered(n);
  const fill = { factors: [0.5, 0.3], most: 1.6, share: 0.9 };
  const nItems = n;
  const placement = new Declutter(few, { ...rule, distance: 1, nItems, fill, bounds });
  placement.step(1e6);
  return placement.items.map((item, i) => {
    const [u, v] = flatten(few, FLAT, item);
    return { item, u, v, side: 0.9 * placement.factors[i]! };
  });
}

test("more images fit at a small size, they grow into the room around them, and none overlap", () => {
  const uniform = place({ distance: 1, nItems: 120 }).length;
  const images = filled(120);
  expect(images.length).toBeGreaterThan(1.4 * uniform);
  expect(images.filter(({ side }) => side > 0.95).length).toBeGreaterThan(2);
  for (const one of images) {
    for (const other of images) {
      if (one === other) continue;
      const apart = (one.side + other.side) / 2 + 0.09;
      expect(Math.max(Math.abs(one.u - other.u), Math.abs(one.v - other.v))).toBeGreaterThan(apart);
    }
  }
});

test("no image grows beyond the bounds", () => {
  const bounds = { left: -0.6, right: 10.6, bottom: -0.6, top: 10.6 };
  const images = filled(12, bounds);
  expect(images.length).toBeGreaterThan(8);
  for (const { u, side } of images) {
    expect(u - side / 2).toBeGreaterThan(-0.6);
    expect(u + side / 2).toBeLessThan(10.6);
  }
});
