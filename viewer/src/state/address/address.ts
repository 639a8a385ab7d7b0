/** The page's address describes the state, so that it can be shared: `#at=…&scale=…&view=…`. */
import type { View } from "../../stage/index";
import type { Filter, Filters } from "../filters/filters";
import { idsText, parseIds } from "./selection-text";

export type ViewMode = "points" | "images" | "grid";
export type ThemeChoice = "light" | "dark" | "auto";

export interface AddressState {
  readonly view?: View;
  /** The whole map is shown; a page then fits it to its own size and ignores `view`. */
  readonly showsAll?: boolean;
  readonly mode?: ViewMode;
  readonly colorBy?: string;
  readonly filters?: Filters;
  /** An id, because indices differ between bundles. */
  readonly item?: number;
  /** Ids, ascending. */
  readonly selection?: readonly number[];
  /** The start of the digest of the items that `item` and `selection` name; absent in older addresses. */
  readonly digest?: string;
  readonly query?: string;
  /** The name of the section of findings that is open. */
  readonly finding?: string;
  readonly theme?: ThemeChoice;
  readonly cropped?: boolean;
  readonly namesShown?: boolean;
}

/** Encode [0, 1, 2, 3, 7] as "0-3.7", so that hiding thousands of classes gives a short address. */
export function codesText(codes: ReadonlySet<number>): string {
  const sorted = [...codes].sort((a, b) => a - b);
  const ranges: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    let last = i;
    while (sorted[last + 1] === (sorted[last] as number) + 1) last++;
    ranges.push(last > i ? `${sorted[i]}-${sorted[last]}` : `${sorted[i]}`);
    i = last + 1;
  }
  return ranges.join(".");
}

export function parseCodes(text: string): Set<number> {
  const codes = new Set<number>();
  for (const range of text.split(".")) {
    const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    const [first, last] = [Number(from), Number(to)];
    // at most 65,536 codes, whatever the address contains
    if (!(last <= 65_535)) continue;
    for (let code = first; code <= last; code++) codes.add(code);
  }
  return codes;
}

function short(value: number): string {
  return String(Number(value.toPrecision(6)));
}

const selectionTexts = new WeakMap<readonly number[], string | null>();

/** As `idsText`; the text of the same list is kept, because each move of the view encodes it. */
function selectionText(ids: readonly number[]): string | null {
  let text = selectionTexts.get(ids);
  if (text === undefined) {
    text = idsText(Uint32Array.from(ids));
    selectionTexts.set(ids, text);
  }
  return text;
}

export function encodeAddress(state: AddressState): string {
  const parts = new URLSearchParams();
  const { view } = state;
  if (view) {
    parts.set("at", view.center.map(short).join("_"));
    parts.set("scale", short(view.scale));
    if (view.turn[3] !== 1) parts.set("turn", view.turn.map(short).join("_"));
  }
  if (view && state.showsAll) parts.set("fit", "all");
  if (state.mode) parts.set("view", state.mode);
  if (state.cropped) parts.set("crop", "square");
  if (state.namesShown === false) parts.set("names", "off");
  if (state.colorBy) parts.set("color", state.colorBy);
  for (const [column, filter] of state.filters ?? []) {
    if (filter.kind === "codes") parts.set(`hide.${column}`, codesText(filter.hidden));
    else parts.set(`keep.${column}`, `${filter.lower}_${filter.upper}`);
  }
  if (state.item !== undefined) parts.set("item", String(state.item));
  if (state.selection?.length) {
    const text = selectionText(state.selection);
    if (text !== null) parts.set("selected", text);
  }
  if (state.digest && /&(item|selected)=/.test(`&${parts}`)) parts.set("of", state.digest);
  if (state.query) parts.set("find", state.query);
  if (state.finding) parts.set("finding", state.finding);
  if (state.theme && state.theme !== "auto") parts.set("theme", state.theme);
  return parts.toString();
}

/** Decode an address. Parts that are damaged or unknown are ignored. */
export function decodeAddress(hash: string): AddressState {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const view = decodeView(parts);
  const mode = oneOf(parts.get("view"), ["points", "images", "grid"] as const);
  const theme = oneOf(parts.get("theme"), ["light", "dark"] as const);
  const colorBy = parts.get("color");
  const digest = parts.get("of");
  const query = parts.get("find");
  const finding = parts.get("finding");
  const item = Number(parts.get("item") ?? Number.NaN);
  const selection = parseIds(parts.get("selected") ?? "");
  const filters = decodeFilters(parts);
  return {
    ...(view && { view }),
    ...(parts.get("fit") === "all" && { showsAll: true }),
    ...(mode && { mode }),
    ...(parts.get("crop") === "square" && { cropped: true }),
    ...(parts.get("names") === "off" && { namesShown: false }),
    ...(colorBy && { colorBy }),
    ...(filters.size > 0 && { filters }),
    ...(Number.isInteger(item) && item >= 0 && { item }),
    ...(selection.length > 0 && { selection }),
    ...(digest && { digest }),
    ...(query && { query }),
    ...(finding && { finding }),
    ...(theme && { theme }),
  };
}

function numbers(text: string | null, count: number): number[] | null {
  const values = (text ?? "").split("_").map((part) => (part === "" ? Number.NaN : Number(part)));
  return values.length === count && values.every(Number.isFinite) ? values : null;
}

function decodeView(parts: URLSearchParams): View | null {
  const center = numbers(parts.get("at"), 3);
  const scale = numbers(parts.get("scale"), 1)?.[0] ?? 0;
  const turn = numbers(parts.get("turn") ?? "0_0_0_1", 4);
  if (!center || !turn || scale <= 0 || Math.hypot(...turn) < 0.5) return null;
  return {
    center: center as unknown as View["center"],
    scale,
    turn: turn as unknown as View["turn"],
  };
}

function decodeFilters(parts: URLSearchParams): Filters {
  const filters = new Map<string, Filter>();
  for (const [key, text] of parts) {
    const column = key.slice(5);
    if (key.startsWith("hide.")) {
      const hidden = parseCodes(text);
      if (hidden.size > 0) filters.set(column, { kind: "codes", hidden });
    } else if (key.startsWith("keep.")) {
      const range = numbers(text, 2);
      if (range) filters.set(column, { kind: "range", lower: range[0] ?? 0, upper: range[1] ?? 0 });
    }
  }
  return filters;
}

function oneOf<T extends string>(text: string | null, choices: readonly T[]): T | undefined {
  return choices.find((choice) => choice === text);
}
