import { describe, expect, it } from "vitest";
import { DIMMED, HIDDEN, MATCHED, SELECTED } from "../../stage";
import { isolated, itemStates, toggled, withFilter } from "./filters";

const nothing = { matches: null, selection: new Uint32Array() };
const hide = (...hidden: number[]) => ({ kind: "codes", hidden: new Set(hidden) }) as const;

function states(emphasis: Parameters<typeof itemStates>[2]): number[] {
  return [...itemStates(4, null, emphasis)];
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
  it("hide what the filters hide", () => {
    const hidden = Uint8Array.of(0, HIDDEN, 0, HIDDEN);
    expect([...itemStates(4, hidden, nothing)]).toEqual([0, HIDDEN, 0, HIDDEN]);
  });

  it("dim items outside the selection or the search", () => {
    const selection = { matches: null, selection: Uint32Array.of(1, 2) };
    expect(states(selection)).toEqual([DIMMED, SELECTED, SELECTED, DIMMED]);
    const emphasis = { matches: Uint32Array.of(0, 1), selection: Uint32Array.of(1, 2) };
    expect(states(emphasis)).toEqual([MATCHED, MATCHED | SELECTED, SELECTED | DIMMED, DIMMED]);
  });

  it("dim all items if nothing is found", () => {
    const emphasis = { matches: new Uint32Array(), selection: new Uint32Array() };
    expect(states(emphasis)).toEqual([DIMMED, DIMMED, DIMMED, DIMMED]);
  });
});

it("a filter that hides nothing is removed", () => {
  const filters = withFilter(new Map(), "label", hide(1));
  expect(filters.size).toBe(1);
  expect(withFilter(filters, "label", hide()).size).toBe(0);
  expect(withFilter(filters, "label", null).size).toBe(0);
});
