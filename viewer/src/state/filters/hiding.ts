/** What the filters hide, and counts of what they show. */
import type { Filter, Filters, Values } from "./filters";

/** What the filters hide. An array has one number per item. */
export interface Hiding {
  /** 1 for each item that the filter of a column hides, else 0. */
  readonly byColumn: ReadonlyMap<string, Uint8Array>;
  /** The number of filters that hide each item. */
  readonly failures: Uint16Array;
  /** 1 for each item that a filter hides, else 0; the same as the state bit HIDDEN. */
  readonly hidden: Uint8Array;
  /** The items that no filter hides. */
  readonly shown: Uint32Array;
}

interface Mask {
  readonly filter: Filter;
  readonly values: Values;
  readonly hides: Uint8Array;
}

/**
 * Applies filters. The mask of each filter is kept: while one filter changes, as during a drag on a
 * histogram, only its mask is computed again.
 */
export class FilterMasks {
  private masks: ReadonlyMap<string, Mask> = new Map();

  constructor(private readonly nItems: number) {}

  /** Apply the filters whose columns have been read; null if there are none. */
  apply(filters: Filters, columns: ReadonlyMap<string, Values>): Hiding | null {
    const masks = new Map<string, Mask>();
    for (const [column, filter] of filters) {
      const values = columns.get(column);
      if (!values) continue;
      const kept = this.masks.get(column);
      const isCurrent = kept?.filter === filter && kept.values === values;
      masks.set(column, isCurrent ? kept : { filter, values, hides: maskOf(values, filter) });
    }
    this.masks = masks;
    if (masks.size === 0) return null;
    const byColumn = new Map([...masks].map(([column, { hides }]) => [column, hides] as const));
    return combine(this.nItems, byColumn);
  }
}

function combine(nItems: number, byColumn: ReadonlyMap<string, Uint8Array>): Hiding {
  const failures = new Uint16Array(nItems);
  for (const hides of byColumn.values()) add(failures, hides);
  const hidden = new Uint8Array(nItems);
  const shown = new Uint32Array(nItems);
  let nShown = 0;
  for (let i = 0; i < nItems; i++) {
    const isShown = Number(failures[i] === 0);
    hidden[i] = 1 - isShown;
    shown[nShown] = i;
    nShown += isShown;
  }
  return { byColumn, failures, hidden, shown: shown.subarray(0, nShown) };
}

function add(sums: Uint16Array, hides: Uint8Array): void {
  for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (hides[i] as number);
}

// The loops over items have no branches: the processor could not predict them, which takes three
// times as long.
function maskOf(values: Values, filter: Filter): Uint8Array {
  const hides = new Uint8Array(values.length);
  if (filter.kind === "codes") {
    const off = new Uint8Array(65_536);
    for (const code of filter.hidden) off[code] = 1;
    for (let i = 0; i < hides.length; i++) hides[i] = off[values[i] as number] as number;
  } else {
    const { lower, upper } = filter;
    for (let i = 0; i < hides.length; i++) {
      const value = values[i] as number;
      hides[i] = 1 - (Number(value >= lower) & Number(value <= upper)); // NaN is outside
    }
  }
  return hides;
}

/**
 * Count the items by code that the filters on columns other than `column` show, or all filters for
 * null; null if there are no such filters.
 */
export function shownByCode(
  codes: Uint16Array,
  nCodes: number,
  hiding: Hiding | null,
  column: string | null,
): Uint32Array | null {
  const own = column === null ? undefined : hiding?.byColumn.get(column);
  if (!hiding || (own && hiding.byColumn.size === 1)) return null;
  const { failures, shown } = hiding;
  const counts = new Uint32Array(nCodes);
  if (!own) {
    for (let k = 0; k < shown.length; k++) {
      const code = codes[shown[k] as number] as number;
      counts[code] = (counts[code] as number) + 1;
    }
    return counts;
  }
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] as number;
    counts[code] = (counts[code] as number) + (failures[i] === own[i] ? 1 : 0);
  }
  return counts;
}
