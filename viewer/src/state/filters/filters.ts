/** Filters, and the state bits of each item. */
import { DIMMED, FADED, MATCHED, SELECTED } from "../../stage";

export type Filter =
  | { readonly kind: "codes"; readonly hidden: ReadonlySet<number> }
  | { readonly kind: "range"; readonly lower: number; readonly upper: number };

/** By column; "label" is the class. */
export type Filters = ReadonlyMap<string, Filter>;
/** Numbers, or dates in seconds since 1970; NaN for none. */
export type Numbers = Float32Array | Float64Array;
/** A column: codes of categories, numbers or dates. */
export type Values = Uint16Array | Numbers;

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

/** Fade every item whose number is above `limit`. */
export function fadeAbove(states: Uint8Array, values: Values, limit: number): void {
  for (let i = 0; i < states.length; i++) {
    if ((values[i] as number) > limit) states[i] = (states[i] as number) | FADED;
  }
}

/** Fade every item that does not have the class or category `code`. */
export function fadeOthers(states: Uint8Array, codes: Values, code: number): void {
  for (let i = 0; i < states.length; i++) {
    if (codes[i] !== code) states[i] = (states[i] as number) | FADED;
  }
}
