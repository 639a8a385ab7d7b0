import { describe, expect, it } from "vitest";
import { HIDDEN } from "../../stage";
import type { Filter, Filters, Values } from "./filters";
import { FilterMasks, shownByCode } from "./hiding";

const codes = Uint16Array.of(0, 1, 2, 65535);
const columns = new Map<string, Values>([
  ["label", codes],
  ["size", Float32Array.of(1, 2, 3, Number.NaN)],
  ["taken", Float64Array.of(5, 6, Number.NaN, 8)],
]);
const hide = (...hidden: number[]): Filter => ({ kind: "codes", hidden: new Set(hidden) });
const keep = (lower: number, upper: number): Filter => ({ kind: "range", lower, upper });

function apply(filters: Record<string, Filter>) {
  return new FilterMasks(4).apply(new Map(Object.entries(filters)), columns);
}

describe("filters", () => {
  it("hide items by class, by missing class, by number and by date", () => {
    expect(apply({ label: hide(1, 65535) })?.hidden).toEqual(Uint8Array.of(0, HIDDEN, 0, HIDDEN));
    expect(apply({ size: keep(2, 3) })?.hidden).toEqual(Uint8Array.of(HIDDEN, 0, 0, HIDDEN));
    expect(apply({ taken: keep(6, 8) })?.hidden).toEqual(Uint8Array.of(HIDDEN, 0, HIDDEN, 0));
  });

  it("combine", () => {
    const both = apply({ label: hide(2), size: keep(2, 9) });
    expect(both?.hidden).toEqual(Uint8Array.of(HIDDEN, 0, HIDDEN, HIDDEN));
    expect(both?.shown).toEqual(Uint32Array.of(1));
  });

  it("hide nothing while their columns are read", () => {
    expect(apply({ later: keep(2, 9) })).toBeNull();
  });

  it("that stay the same are not computed again", () => {
    const masks = new FilterMasks(4);
    const label = hide(1);
    const hides = (filters: Filters) => masks.apply(filters, columns)?.byColumn.get("label");
    const first = hides(new Map([["label", label]]));
    const second = hides(
      new Map([
        ["label", label],
        ["size", keep(2, 3)],
      ]),
    );
    expect(second).toBe(first);
    expect(hides(new Map([["label", hide(1)]]))).not.toBe(first);
  });
});

describe("the shown items of each code", () => {
  it("are counted under the filters on other columns", () => {
    const count = (hiding: ReturnType<typeof apply>) =>
      shownByCode(codes, 65_536, hiding, "label")?.slice(0, 3);
    expect(count(apply({ size: keep(2, 9) }))).toEqual(Uint32Array.of(0, 1, 1));
    expect(count(apply({ size: keep(2, 9), label: hide(1) }))).toEqual(Uint32Array.of(0, 1, 1));
  });

  it("are not counted without a filter on another column", () => {
    expect(shownByCode(codes, 65_536, null, "label")).toBeNull();
    expect(shownByCode(codes, 65_536, apply({ label: hide(1) }), "label")).toBeNull();
  });
});
