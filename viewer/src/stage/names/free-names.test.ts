import { expect, it } from "vitest";
import { freeNames, type NameBox } from "./free-names";

const box = (x: number, y: number, halfWidth = 20, halfHeight = 8): NameBox => ({
  at: { x, y },
  halfWidth,
  halfHeight,
});

it("the first of two names that overlap is shown", () => {
  expect(freeNames([box(0, 0), box(39, 15), box(41, 0), box(0, 17)])).toEqual([
    true,
    false,
    true,
    true,
  ]);
});

it("a name that is not shown hides no other name", () => {
  expect(freeNames([box(0, 0), box(30, 0), box(60, 0)])).toEqual([true, false, true]);
  expect(freeNames([null, box(0, 0)])).toEqual([false, true]);
});

it("the shown names cover at most the given area, and the first name is always shown", () => {
  const boxes = [box(0, 0), box(100, 0), box(200, 0), box(300, 0, 2, 2)];
  expect(freeNames(boxes, 2 * 40 * 16)).toEqual([true, true, false, false]);
  expect(freeNames(boxes, 2 * 40 * 16 + 16)).toEqual([true, true, false, true]);
  expect(freeNames(boxes, 1)).toEqual([true, false, false, false]);
});

it("names across the borders of cells are compared", () => {
  const wide = box(-300, 4, 400, 8);
  for (let x = -690; x < 90; x += 60) expect(freeNames([wide, box(x, 10)])).toEqual([true, false]);
});

it("shown names never overlap, and more names are shown at a larger zoom", () => {
  const at = Array.from({ length: 600 }, (_, i) => [(i * 193) % 701, (i * 389) % 577] as const);
  const shown = [1, 2, 4, 16].map((zoom) => {
    const boxes = at.map(([x, y]) => box(x * zoom, y * zoom));
    const free = freeNames(boxes);
    const kept = boxes.filter((_, i) => free[i]);
    const meets = (one: NameBox, other: NameBox) =>
      Math.abs(one.at.x - other.at.x) < 40 && Math.abs(one.at.y - other.at.y) < 16;
    const met = kept.filter((one, i) => kept.slice(0, i).some((other) => meets(one, other)));
    expect(met).toEqual([]);
    return kept.length;
  });
  expect(shown).toEqual([...shown].sort((a, b) => a - b));
  expect(shown.at(-1)).toBe(600);
});
