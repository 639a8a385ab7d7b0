// Generated from src/featscape/bundle/contract.py; change that, then run `make contract`.

export const FORMAT = "featscape-bundle";
export const VERSION = 1;
export const NO_ITEM = 4294967295;
export const NO_CATEGORY = 65535;
export const AGREEMENT = "agreement";
export const MOST_ARCHIVED = 100000;

/** An array in a file of its own: C order, little-endian. */
export interface ArrayFile {
  readonly file: string;
  readonly dtype: "float32" | "float64" | "uint16" | "uint32";
  readonly shape: readonly number[];
}

/** A class, as the legend shows it. */
export interface ClassEntry {
  readonly name: string;
  /** #rrggbb */
  readonly color: string;
  readonly count: number;
}

/** A column of few distinct values. */
export interface CategoryColumn {
  readonly kind: "category";
  readonly name: string;
  /** uint16 (n,), an index into categories; 65535 for none */
  readonly codes: ArrayFile;
  readonly categories: readonly ClassEntry[];
}

/** A column of numbers. */
export interface NumberColumn {
  readonly kind: "number";
  readonly name: string;
  /** float32 (n,); NaN for none */
  readonly values: ArrayFile;
  readonly minimum: number;
  readonly maximum: number;
}

/** A column of free text: its values stand in the strings, under its name. */
export interface TextColumn {
  readonly kind: "text";
  readonly name: string;
}

/** A file of blocks, each for `block_items` items in the bundle's order. */
export interface Blocks {
  readonly file: string;
  /** float64 (n_blocks + 1,): where each block begins */
  readonly starts: ArrayFile;
  readonly block_items: number;
  /** the first so many items have an entry */
  readonly n_items: number;
}

/** WebP images of one size. */
export interface ThumbnailPack {
  readonly file: string;
  /** float64 (n_blocks + 1,): where each block begins */
  readonly starts: ArrayFile;
  readonly block_items: number;
  /** the first so many items have an entry */
  readonly n_items: number;
  /** longest side */
  readonly size_px: number;
}

/** A cell of its own for every item, near its place on the map. */
export interface Grid {
  /** uint16 (n, 2): column and row; they grow with x and y */
  readonly cells: ArrayFile;
  readonly n_columns: number;
  readonly n_rows: number;
}

/** The nearest items in feature space, nearest first. */
export interface NeighborGraph {
  /** uint32 (n, k), in the bundle's order */
  readonly indices: ArrayFile;
  /** float32 (n, k) */
  readonly distances: ArrayFile;
}

/** Everything about a map but its arrays. */
export interface Manifest {
  readonly format: "featscape-bundle";
  readonly version: 1;
  readonly title: string;
  readonly n_items: number;
  readonly n_dimensions: 2 | 3;
  /** the first so many items are a fair sample */
  readonly level_ends: readonly number[];
  /** least coordinate, by axis */
  readonly lower: readonly number[];
  /** greatest coordinate, by axis */
  readonly upper: readonly number[];
  readonly positions: ArrayFile;
  readonly ids: ArrayFile;
  readonly classes: readonly ClassEntry[] | null;
  readonly class_codes: ArrayFile | null;
  readonly grid: Grid | null;
  readonly neighbors: NeighborGraph;
  readonly columns: readonly (CategoryColumn | NumberColumn | TextColumn)[];
  readonly strings: Blocks | null;
  /** smallest first; empty without images */
  readonly thumbnails: readonly ThumbnailPack[];
  /** how the map was made, in words, for the panel */
  readonly facts: { readonly [name: string]: string };
}

/** What the program behind the page can do; nothing for a file or a static site. */
export interface Abilities {
  readonly originals: boolean;
  readonly search: boolean;
  /** so many originals in one archive at most */
  readonly zip: number;
  readonly place: boolean;
  /** why it places no images, and the remedy, as a sentence */
  readonly no_place: string | null;
}

/** What a page says of itself to the viewer it loads, as JSON in ``<script id="featscape">``. */
export interface PageSetup {
  readonly source: "server" | "site" | "file";
  /** where the bundle's files lie, relative to the page */
  readonly data: string;
  /** where the server answers; None without one */
  readonly api: string | null;
  readonly abilities: Abilities;
  /** what this page leaves out, said to the reader */
  readonly notice: string | null;
}

/** Find items whose path, label and text columns together hold every word of `text`. */
export interface SearchRequest {
  readonly text: string;
}

/** A selection, by id (row of items.parquet). */
export interface ItemsRequest {
  readonly ids: readonly number[];
}

/** A ZIP that is ready to be fetched, for a while. */
export interface Archive {
  readonly key: string;
}

/** Everything the table says of an item. */
export interface ItemDetails {
  readonly id: number;
  readonly label: string | null;
  readonly path: string | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly columns: { readonly [name: string]: string | number | boolean | null };
}

/** The nearest items in feature space, nearest first, by id. */
export interface NeighborList {
  readonly ids: readonly number[];
  readonly distances: readonly number[];
}

/** Where a new image falls on the map, and what lies near it in feature space. */
export interface Placed {
  readonly position: readonly number[];
  readonly neighbors: NeighborList;
}

/** A notebook's page asks the kernel for bytes of one of the bundle's files. */
export interface ReadRequest {
  readonly kind: "read";
  /** chosen by the page; the answer carries it */
  readonly id: number;
  readonly file: string;
  readonly start: number;
  /** exclusive; None for the file's end */
  readonly end: number | null;
}

/** The kernel's answer: the bytes are the message's first buffer, or `error` says why not. */
export interface ReadAnswer {
  readonly kind: "data" | "error";
  readonly id: number;
  readonly error: string | null;
}

/** The one shape of every error the server answers. */
export interface ErrorMessage {
  readonly error: string;
  readonly status: number;
}
