/** A small map in memory for tests: a source, and a stage that draws nothing. */
import { signal } from "@preact/signals";
import type { Arrays } from "../bundle/arrays";
import {
  CHECKED_LABEL,
  type ClassName,
  type DateColumn,
  type ListedFinding,
  type ListedSection,
  type Manifest,
  NO_CATEGORY,
  type NumberColumn,
  type RegionName,
  type VectorsFile,
  type WordsFile,
} from "../contract";
import type { Source } from "../source";
import type { Area, MapName, Stage, View } from "../stage/index";
import { App } from "../state/app";
import { Items } from "../state/items/items";

export interface SmallMap {
  readonly classes?: readonly string[] | null;
  readonly codes?: readonly number[];
  readonly paths?: readonly string[];
  readonly ids?: readonly number[];
  /** The values of the text column "note". */
  readonly notes?: readonly (string | null)[];
  /** The values of a further text column "checked_label". */
  readonly checked?: readonly (string | null)[];
  readonly nDimensions?: 2 | 3;
  /** Seconds since 1970 of a further column "taken". */
  readonly taken?: readonly number[];
  /** The values of a further column "false_friends". */
  readonly falseFriends?: readonly number[];
  /** Integers above 2**24 of a further column "scene". */
  readonly scenes?: readonly number[];
  /** Null for a bundle without a digest. */
  readonly digest?: string | null;
  readonly storage?: Pick<Storage, "getItem" | "setItem">;
  readonly names?: readonly ClassName[];
  readonly regions?: readonly RegionName[];
  /** The words of the network: its terms, and the class and the probability for each item. */
  readonly words?: SmallWords;
  readonly vectors?: SmallVectors;
  /** The sections of the findings; null for a map without findings. */
  readonly findings?: readonly SmallSection[] | null;
}

export interface SmallWords {
  readonly terms: Readonly<Record<string, readonly number[]>>;
  /** Two classes of each item. */
  readonly classes: readonly number[];
  /** From 0 to 1. */
  readonly probabilities: readonly number[];
}

/** The vectors of words and items, row by row, and the factor of each dimension. */
export interface SmallVectors {
  readonly terms: Readonly<Record<string, readonly number[]>>;
  readonly words: readonly number[];
  readonly items: readonly number[];
  readonly scales: readonly number[];
}

export interface SmallSection extends Partial<ListedSection> {
  readonly listed: readonly Partial<ListedFinding>[];
}

/** The abilities of a page without a program. */
export const NO_ABILITIES = {
  originals: false,
  search: false,
  content: false,
  zip: 0,
  place: false,
  no_place: null,
};

function buffer(view: ArrayBufferView<ArrayBuffer>): ArrayBuffer {
  return view.buffer;
}

/** A source of six items by default, with a number column, a category column and a text column. */
export function smallSource(map: SmallMap = {}): { source: Source; arrays: Arrays } {
  const paths = map.paths ?? ["a/1.png", "a/2.png", "b/3.png", "b/4.png", "Ü/5.png", "c/6.png"];
  const n = paths.length;
  const names = map.classes === undefined ? ["cat", "dog"] : map.classes;
  const codes = Uint16Array.from(map.codes ?? paths.map((_, i) => i % (names?.length || 1)));
  const ids = Uint32Array.from(map.ids ?? paths.map((_, i) => n - 1 - i));
  const values = Float32Array.from(paths, (_, i) => (i === 0 ? Number.NaN : i));
  const splits = Uint16Array.from(paths, (_, i) => (i === 1 ? NO_CATEGORY : i % 2));
  const half = Math.ceil(n / 2);
  const blocks = [0, half].map((from) => {
    const own = paths.slice(from, from === 0 ? half : n);
    const note = own.map((_, i) => map.notes?.[from + i] ?? null);
    const checked_label = map.checked && own.map((_, i) => map.checked?.[from + i] ?? null);
    return new TextEncoder().encode(JSON.stringify({ path: own, note, checked_label }));
  });
  const [first = new Uint8Array(), second = new Uint8Array()] = blocks;
  const strings = new Uint8Array(first.length + second.length);
  strings.set(first);
  strings.set(second, first.length);
  const neighbors = Uint32Array.from(
    { length: n * 2 },
    (_, i) => (Math.floor(i / 2) + 1 + (i % 2)) % n,
  );
  const files: Record<string, ArrayBuffer> = {
    "value.bin": buffer(values),
    "split.bin": buffer(splits),
    "taken.bin": buffer(Float64Array.from(map.taken ?? [])),
    "scene.bin": buffer(Float64Array.from(map.scenes ?? [])),
    "false_friends.bin": buffer(Float32Array.from(map.falseFriends ?? [])),
    "strings.bin": buffer(strings),
    "strings-blocks.bin": buffer(Float64Array.of(0, first.length, strings.length)),
    "neighbors.bin": buffer(neighbors),
    "distances.bin": buffer(Float32Array.from({ length: n * 2 }, (_, i) => i + 0.5)),
  };
  const { sections, bytes: found } = writeSections(map.findings ?? []);
  files["findings.bin"] = buffer(found);
  if (map.words) Object.assign(files, wordFiles(map.words));
  if (map.vectors) Object.assign(files, vectorFiles(map.vectors));
  const color = (i: number) => `#${i.toString(16).padStart(6, "0")}`;
  const manifest: Manifest = {
    format: "featscape-bundle",
    version: 1,
    title: "A small map",
    n_items: n,
    n_dimensions: map.nDimensions ?? 2,
    level_ends: [n],
    lower: [0, 0],
    upper: [1, 1],
    positions: { file: "positions.bin", dtype: "float32", shape: [n, 2] },
    ids: { file: "ids.bin", dtype: "uint32", shape: [n] },
    classes:
      names?.map((name, code) => ({
        name,
        color: color(code),
        count: codes.filter((each) => each === code).length,
      })) ?? null,
    class_codes: names ? { file: "classes.bin", dtype: "uint16", shape: [n] } : null,
    grid: null,
    neighbors: {
      indices: { file: "neighbors.bin", dtype: "uint32", shape: [n, 2] },
      distances: { file: "distances.bin", dtype: "float32", shape: [n, 2] },
    },
    columns: [
      {
        kind: "number",
        name: "value",
        finding: null,
        values: { file: "value.bin", dtype: "float32", shape: [n] },
        minimum: 1,
        maximum: n - 1,
      },
      {
        kind: "category",
        name: "split",
        finding: null,
        codes: { file: "split.bin", dtype: "uint16", shape: [n] },
        categories: ["train", "test"].map((name, code) => ({
          name,
          color: color(code),
          count: splits.filter((each) => each === code).length,
        })),
      },
      { kind: "text", name: "note" },
      ...(map.checked ? [{ kind: "text", name: CHECKED_LABEL } as const] : []),
      ...(map.taken ? [dateColumn(map.taken)] : []),
      ...(map.scenes ? [sceneColumn(map.scenes)] : []),
      ...(map.falseFriends ? [shareColumn("false_friends", map.falseFriends)] : []),
    ],
    strings: {
      file: "strings.bin",
      starts: { file: "strings-blocks.bin", dtype: "float64", shape: [3] },
      block_items: half,
      n_items: n,
    },
    thumbnails: [],
    facts: { model: "none" },
    items_digest: map.digest === undefined ? "0".repeat(64) : map.digest,
    names: map.names ?? [],
    regions: map.regions ?? [],
    findings: map.findings ? { file: "findings.bin", sections } : null,
    words: map.words ? wordsFile(n, files["words.bin"]?.byteLength ?? 0) : null,
    vectors: map.vectors ? vectorsFile(map.vectors, files["vectors.bin"]?.byteLength ?? 0) : null,
  };
  const source: Source = {
    manifest,
    abilities: NO_ABILITIES,
    notice: null,
    async read(file, start, end) {
      const bytes = files[file];
      if (!bytes) throw new Error(`no file ${file}`);
      return bytes.slice(start ?? 0, end);
    },
  };
  const arrays: Arrays = {
    positions: new Float32Array(n * 2),
    ids,
    classes: names ? codes : null,
    grid: () => null,
  };
  return { source, arrays };
}

/** The sections of the manifest, and the bytes of findings.bin. */
function writeSections(given: readonly SmallSection[]): {
  sections: ListedSection[];
  bytes: Uint8Array<ArrayBuffer>;
} {
  let text = ""; // ASCII: one byte for each character
  const sections = given.map(({ listed, ...section }, i): ListedSection => {
    const start = text.length;
    text += JSON.stringify(
      listed.map((one) => ({
        text: "A sentence.",
        items: [],
        n_items: one.items?.length ?? 0,
        suggested: null,
        neighbors: [],
        ...one,
      })),
    );
    return {
      name: `section ${i}`,
      title: `Section ${i}`,
      text: "About the section.",
      method: null,
      column: null,
      layout: "items",
      n_findings: listed.length,
      n_listed: listed.length,
      start,
      end: text.length,
      ...section,
    };
  });
  return { sections, bytes: new TextEncoder().encode(text) };
}

function wordFiles({ terms, classes, probabilities }: SmallWords): Record<string, ArrayBuffer> {
  return {
    "words.bin": buffer(new TextEncoder().encode(JSON.stringify(terms))),
    "word-classes.bin": buffer(Uint16Array.from(classes)),
    "word-probabilities.bin": buffer(Uint16Array.from(probabilities, (each) => each * 65_535)),
  };
}

function wordsFile(n: number, n_bytes: number): WordsFile {
  return {
    classes: { file: "word-classes.bin", dtype: "uint16", shape: [n, 2] },
    probabilities: { file: "word-probabilities.bin", dtype: "uint16", shape: [n, 2] },
    file: "words.bin",
    n_bytes,
  };
}

function vectorFiles({ terms, words, items, scales }: SmallVectors): Record<string, ArrayBuffer> {
  return {
    "vectors.bin": buffer(new TextEncoder().encode(JSON.stringify(terms))),
    "vector-words.bin": buffer(Int8Array.from(words)),
    "vector-items.bin": buffer(Int8Array.from(items)),
    "vector-scales.bin": buffer(Float32Array.from(scales)),
  };
}

function vectorsFile({ words, items, scales }: SmallVectors, n_bytes: number): VectorsFile {
  const d = scales.length;
  return {
    words: { file: "vector-words.bin", dtype: "int8", shape: [words.length / d, d] },
    items: { file: "vector-items.bin", dtype: "int8", shape: [items.length / d, d] },
    scales: { file: "vector-scales.bin", dtype: "float32", shape: [d] },
    file: "vectors.bin",
    n_bytes,
  };
}

function shareColumn(name: string, shares: readonly number[]): NumberColumn {
  const known = shares.filter((each) => !Number.isNaN(each));
  return {
    kind: "number",
    name,
    finding: { title: name, note: "A note.", is_share: true, threshold: null },
    values: { file: `${name}.bin`, dtype: "float32", shape: [shares.length] },
    minimum: Math.min(...known),
    maximum: Math.max(...known),
  };
}

function sceneColumn(scenes: readonly number[]): NumberColumn {
  return {
    kind: "number",
    name: "scene",
    finding: null,
    values: { file: "scene.bin", dtype: "float64", shape: [scenes.length] },
    minimum: Math.min(...scenes),
    maximum: Math.max(...scenes),
  };
}

function dateColumn(taken: readonly number[]): DateColumn {
  const known = taken.filter((each) => !Number.isNaN(each));
  return {
    kind: "date",
    name: "taken",
    values: { file: "taken.bin", dtype: "float64", shape: [taken.length] },
    minimum: Math.min(...known),
    maximum: Math.max(...known),
    has_time: false,
  };
}

export function smallApp(map: SmallMap = {}, abilities: Partial<Source> = {}): App {
  const { source, arrays } = smallSource(map);
  const items = new Items({ ...source, ...abilities }, arrays, { blob: async () => null });
  return new App(items, {
    embedded: false,
    prefersDark: signal(false),
    size: () => ({ width: 800, height: 600 }),
    clearArea: () => ({ left: 0, right: 800, top: 0, bottom: 600, corner: null }),
    storage: map.storage ?? null,
  });
}

/** A stage that records the last argument of each call. */
export class SilentStage implements Stage {
  readonly calls = new Map<string, unknown>();
  isEmpty = false;
  private at: View = { center: [0, 0, 0], scale: 1, turn: [0, 0, 0, 1] };

  setColors(codes: Uint16Array, palette: readonly string[]): void {
    this.calls.set("colors", { codes: [...codes], palette });
  }
  setStates(states: Uint8Array | null): void {
    this.calls.set("states", states && [...states]);
  }
  async setLayout(layout: string): Promise<void> {
    this.calls.set("layout", layout);
  }
  setDrawing(drawing: string): void {
    this.calls.set("drawing", drawing);
  }
  setCropped(cropped: boolean): void {
    this.calls.set("cropped", cropped);
  }
  setNames(names: readonly MapName[]): void {
    this.calls.set(
      "names",
      names.map((name) => name.text),
    );
  }
  setClearArea(area: Area): void {
    this.calls.set("clearArea", area);
  }
  setTheme(theme: unknown): void {
    this.calls.set("theme", theme);
  }
  setTool(tool: string): void {
    this.calls.set("tool", tool);
  }
  setFocus(item: number | null): void {
    this.calls.set("focus", item);
  }
  setLinks(from: unknown, to: readonly number[]): void {
    this.calls.set("links", { from, to: [...to] });
  }
  setMarker(at: readonly number[] | null): void {
    this.calls.set("marker", at);
  }
  imagesTooSmall(): boolean {
    return false;
  }
  empty(): boolean {
    return this.isEmpty;
  }
  view(): View {
    return this.at;
  }
  setView(view: View): void {
    this.at = view;
  }
  fit(items: Uint32Array | null, area: Area): void {
    this.calls.set("fit", { items, area });
    this.at = { ...this.at, center: [0, 0, 0], scale: 10 };
  }
  zoom(factor: number): void {
    this.at = { ...this.at, scale: this.at.scale * factor };
  }
  pan(dx: number, dy: number): void {
    this.calls.set("pan", [dx, dy]);
    const { center, scale } = this.at;
    this.at = { ...this.at, center: [center[0] - dx / scale, center[1] + dy / scale, center[2]] };
  }
  center([x = 0, y = 0, z = 0]: readonly number[]): void {
    this.at = { ...this.at, center: [x, y, z] };
  }
  locate(item: number) {
    return { x: 100 * item, y: 50 };
  }
  next(item: number | null, direction: string): number | null {
    if (item === null) return 0;
    return direction === "right" ? item + 1 : direction === "left" ? item - 1 : null;
  }
  async png(): Promise<Blob> {
    return new Blob();
  }
  destroy(): void {}
}

/** Wait until timers of 0 ms and nested promises have run. */
export async function settled(ms = 0): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, ms / 5));
}
