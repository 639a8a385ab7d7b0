import { describe, expect, it } from "vitest";
import { DIMMED, HIDDEN, MATCHED, SELECTED } from "../stage/index";
import {
  type Filter,
  type Filters,
  hiddenItems,
  isolated,
  itemStates,
  shownByCode,
  toggled,
  withFilter,
} from "./filters";

const codes = Uint16Array.of(0, 1, 2, 65535);
const numbers = Float32Array.of(1, 2, 3, Number.NaN);
const columns = new Map<string, Uint16Array | Float32Array>([
  ["label", codes],
  ["size", numbers],
]);
const nothing = { matches: null, selection: new Uint32Array() };
const hide = (...hidden: number[]) => ({ kind: "codes", hidden: new Set(hidden) }) as const;

function states(filters: Filters, emphasis: Parameters<typeof itemStates>[2] = nothing): number[] {
  return [...itemStates(4, hiddenItems(4, filters, columns), emphasis)];
}

describe("a click in the legend", () => {
  it("hides a class, and shows it again", () => {
    const once = toggled(new Set([1]), 2);
    expect(once).toEqual(new Set([1, 2]));
    expect(toggled(once, 2)).toEqual(new Set([1]));
  });

  it("twice isolates a class, and then shows all", () => {
    const alone = isolated(new Set([1]), 1, [0, 1, 2]);
    expect(alone).toEqual(new Set([0, 2]));
    expect(isolated(alone, 1, [0, 1, 2])).toEqual(new Set());
  });
});

describe("the states of items", () => {
  it("hide items by class, by missing class and by number", () => {
    expect(states(new Map([["label", hide(1, 65535)]]))).toEqual([0, HIDDEN, 0, HIDDEN]);
    expect(states(new Map([["size", { kind: "range", lower: 2, upper: 3 }]]))).toEqual([
      HIDDEN,
      0,
      0,
      HIDDEN,
    ]);
  });

  it("combine filters", () => {
    const both: Filters = new Map<string, Filter>([
      ["label", hide(2)],
      ["size", { kind: "range", lower: 2, upper: 9 }],
    ]);
    expect(states(both)).toEqual([HIDDEN, 0, HIDDEN, HIDDEN]);
  });

  it("dim items outside the selection or the search", () => {
    const selection = { matches: null, selection: Uint32Array.of(1, 2) };
    expect(states(new Map(), selection)).toEqual([DIMMED, SELECTED, SELECTED, DIMMED]);
    const emphasis = { matches: Uint32Array.of(0, 1), selection: Uint32Array.of(1, 2) };
    expect(states(new Map(), emphasis)).toEqual([
      MATCHED,
      MATCHED | SELECTED,
      SELECTED | DIMMED,
      DIMMED,
    ]);
  });

  it("dim all items if nothing is found", () => {
    const emphasis = { matches: new Uint32Array(), selection: new Uint32Array() };
    expect(states(new Map(), emphasis)).toEqual([DIMMED, DIMMED, DIMMED, DIMMED]);
  });
});

it("a filter that hides nothing is removed", () => {
  const filters = withFilter(new Map(), "label", hide(1));
  expect(filters.size).toBe(1);
  expect(withFilter(filters, "label", hide()).size).toBe(0);
  expect(withFilter(filters, "label", null).size).toBe(0);
});

it("the shown items of each class are counted", () => {
  const hidden = hiddenItems(
    4,
    new Map([["size", { kind: "range", lower: 2, upper: 9 }]]),
    columns,
  );
  expect(shownByCode(codes, hidden)?.slice(0, 3)).toEqual(Uint32Array.of(0, 1, 1));
  expect(shownByCode(codes, hiddenItems(4, new Map(), columns))).toBeNull();
});
