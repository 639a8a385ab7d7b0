/** Filters, what they hide, and the state bits of each item. */
import { DIMMED, FADED, HIDDEN, MATCHED, SELECTED } from "../stage/index";

export type Filter =
  | { readonly kind: "codes"; readonly hidden: ReadonlySet<number> }
  | { readonly kind: "range"; readonly lower: number; readonly upper: number };

/** By column; "label" is the class. */
export type Filters = ReadonlyMap<string, Filter>;
export type Values = Uint16Array | Float32Array;

/** Hide a shown class, or show a hidden one. */
export function toggled(hidden: ReadonlySet<number>, code: number): Set<number> {
  const next = new Set(hidden);
  if (!next.delete(code)) next.add(code);
  return next;
}

/** Show only one class; show all classes if it was the only one. */
export function isolated(
  hidden: ReadonlySet<number>,
  code: number,
  codes: readonly number[],
): Set<number> {
  const alone = !hidden.has(code) && codes.every((other) => other === code || hidden.has(other));
  return alone ? new Set() : new Set(codes.filter((other) => other !== code));
}

/** Replace the filter of one column. A filter that hides nothing is removed. */
export function withFilter(filters: Filters, column: string, filter: Filter | null): Filters {
  const next = new Map(filters);
  if (!filter || (filter.kind === "codes" && filter.hidden.size === 0)) next.delete(column);
  else next.set(column, filter);
  return next;
}

export interface Emphasis {
  /** null: no search is active */
  readonly matches: Uint32Array | null;
  readonly selection: Uint32Array;
}

/** HIDDEN for each item that a filter hides, 0 for others; null without filters. */
export function hiddenItems(
  nItems: number,
  filters: Filters,
  columns: ReadonlyMap<string, Values>,
): Uint8Array | null {
  if (filters.size === 0) return null;
  const hidden = new Uint8Array(nItems);
  for (const [column, filter] of filters) {
    const values = columns.get(column);
    if (values) hide(hidden, values, filter);
  }
  return hidden;
}

/** The number of items that are not hidden, for each code of a column; without `hidden`, null. */
export function shownByCode(codes: Values, hidden: Uint8Array | null): Uint32Array | null {
  if (!hidden) return null;
  const counts = new Uint32Array(65_536);
  for (let i = 0; i < codes.length; i++) {
    if (hidden[i] === 0) counts[codes[i] as number] = (counts[codes[i] as number] as number) + 1;
  }
  return counts;
}

/** The state bits of each item. `hidden` has HIDDEN for the items that filters hide. */
export function itemStates(
  nItems: number,
  hidden: Uint8Array | null,
  { matches, selection }: Emphasis,
): Uint8Array<ArrayBuffer> {
  const emphasis = matches !== null || selection.length > 0;
  const states = new Uint8Array(nItems).fill(emphasis ? DIMMED : 0);
  for (const item of matches ?? []) states[item] = MATCHED;
  const lit = matches === null ? ~DIMMED : ~0; // a search also shows matches outside
  for (const item of selection) states[item] = ((states[item] as number) & lit) | SELECTED;
  if (hidden) {
    for (let i = 0; i < nItems; i++) states[i] = (states[i] as number) | (hidden[i] as number);
  }
  return states;
}

/** Fade every item that does not have the class or category `code`. */
export function fadeOthers(states: Uint8Array, codes: Values, code: number): void {
  for (let i = 0; i < states.length; i++) {
    if (codes[i] !== code) states[i] = (states[i] as number) | FADED;
  }
}

function hide(states: Uint8Array, values: Values, filter: Filter): void {
  if (filter.kind === "codes") {
    const off = new Uint8Array(65_536);
    for (const code of filter.hidden) off[code] = HIDDEN;
    for (let i = 0; i < states.length; i++) {
      states[i] = (states[i] as number) | (off[values[i] as number] as number);
    }
  } else {
    for (let i = 0; i < states.length; i++) {
      const value = values[i] as number;
      // written so that NaN is outside
      const inside = value >= filter.lower && value <= filter.upper;
      if (!inside) states[i] = (states[i] as number) | HIDDEN;
    }
  }
}
