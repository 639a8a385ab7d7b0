import { expect, test } from "vitest";
import { Chunks } from "../layout/chunks";
import { flatten, type Places } from "../layout/positions";
import type { Plane, Region } from "../layout/region";
import { DIMMED, HIDDEN } from "../stage";
import { Declutter, type Rule } from "./declutter";

const FLAT: Plane = [
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

function scattered(n: number): Places {
  const next = random(1);
  const positions = Float32Array.from({ length: 2 * n }, () => 10 * next());
  return { positions, dimensions: 2, chunks: new Chunks(positions, 2, [256, n]) };
}

const places = scattered(20_000);
const all: Region = { left: 0, right: 10, bottom: 0, top: 10 };
const rule: Rule = { distance: 0.3, region: all, plane: FLAT, nItems: 20_000, states: null };

function place(changed: Partial<Rule> = {}, kept: number[] = []): number[] {
  const placement = new Declutter(places, { ...rule, ...changed }, kept);
  placement.step(1e6);
  return placement.items;
}

function overlap(a: number, b: number, distance: number): boolean {
  const [au, av] = flatten(places, FLAT, a);
  const [bu, bv] = flatten(places, FLAT, b);
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
    const [u, v] = flatten(places, FLAT, item);
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
  const placement = new Declutter(places, rule);
  let steps = 1;
  while (!placement.step(0)) steps++;
  expect(steps).toBeGreaterThan(2);
  expect(placement.items).toEqual(place());
});

test("items without an image are never chosen", () => {
  expect(Math.max(...place({ nItems: 300 }))).toBeLessThan(300);
});
