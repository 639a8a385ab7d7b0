/** The time that one move of a brush takes for a million items. Run with `npx vitest bench`. */
import { bench, describe } from "vitest";
import { binsOf } from "./bins";
import type { Filter, Filters, Values } from "./filters";
import { itemStates } from "./filters";
import { FilterMasks, shownByCode } from "./hiding";

const N_ITEMS = 1_000_000;
const N_CHARTS = 10;

const numbers = (seed: number) =>
  Float32Array.from(
    { length: N_ITEMS },
    (_, i) => ((i * 2_654_435_761 + seed * 97) % 100_003) / 100,
  );
const columns = new Map<string, Values>(
  Array.from({ length: N_CHARTS }, (_, i) => [`column ${i}`, numbers(i)]),
);
const bins = [...columns.values()].map((values) =>
  binsOf(
    {
      kind: "number",
      name: "a",
      finding: null,
      values: { file: "a.bin", dtype: "float32", shape: [N_ITEMS] },
      minimum: 0,
      maximum: 1000,
    },
    values as Float32Array,
  ),
);
const keep = (lower: number, upper: number): Filter => ({ kind: "range", lower, upper });

describe(`a brush over one of ${N_CHARTS} charts, with filters on two other columns`, () => {
  const masks = new FilterMasks(N_ITEMS);
  let upper = 500;
  bench("filters, states and counts", () => {
    upper = upper === 500 ? 600 : 500;
    const filters: Filters = new Map([
      ["column 1", keep(0, 900)],
      ["column 2", keep(100, 1000)],
      ["column 0", keep(200, upper)],
    ]);
    const hiding = masks.apply(filters, columns);
    itemStates(N_ITEMS, hiding?.hidden ?? null, { matches: null, selection: new Uint32Array() });
    for (const [i, { codes, count }] of bins.entries()) {
      shownByCode(codes, count + 1, hiding, `column ${i}`);
    }
  });
});
