// Generated from src/featscape/bundle/contract.py; change that, then run `make contract`.

export const MAX_QUERY_CHARACTERS = 200;
export const MOST_REGIONS = 3000;
export const FORMAT = "featscape-bundle";
export const VERSION = 1;
export const MANIFEST = "manifest.json";
export const NO_LABEL = "(no label)";
export const NO_SPLIT = "(no split)";
export const NO_ITEM = 4294967295;
export const NO_CATEGORY = 65535;
export const N_AGREEING = 5;
export const AGREEMENT = "agreement";
export const CHECKED_LABEL = "checked_label";
export const MOST_NAMES = 3000;
export const MOST_LISTED = 2000;
export const MOST_LISTED_ITEMS = 24;
export const MOST_LISTED_NEIGHBORS = 6;
export const MOST_LISTED_TEXT = 600;
export const MOST_METHOD_TEXT = 3000;
export const MOST_ARCHIVED = 100000;

/** An array in a separate file: C order, little-endian. */
export interface ArrayFile {
  readonly file: string;
  readonly dtype: "float32" | "float64" | "int8" | "uint16" | "uint32";
  readonly shape: readonly number[];
}

/** A class in the legend. */
export interface ClassEntry {
  readonly name: string;
  /** #rrggbb */
  readonly color: string;
  readonly count: number;
}

/** How the page shows a column that the findings computed. */
export interface FindingColumn {
  readonly title: string;
  /** what the values mean, as a sentence */
  readonly note: string;
  /** the numbers are shares, from 0 to 1 */
  readonly is_share: boolean;
  /** a number above is a finding; the middle of the color scale */
  readonly threshold: number | null;
}

/** A column with few distinct values; a boolean has the categories "false" and "true". */
export interface CategoryColumn {
  readonly kind: "category";
  readonly name: string;
  /** null for a column of the source; absent in older bundles */
  readonly finding: FindingColumn | null;
  /** uint16 (n,), an index into categories; 65535 for none */
  readonly codes: ArrayFile;
  readonly categories: readonly ClassEntry[];
}

/** A column of numbers. */
export interface NumberColumn {
  readonly kind: "number";
  readonly name: string;
  /** null for a column of the source; absent in older bundles */
  readonly finding: FindingColumn | null;
  /** float32 (n,), or float64 for integers that float32 cannot hold; NaN for none */
  readonly values: ArrayFile;
  readonly minimum: number;
  readonly maximum: number;
}

/** A column of dates, or of dates with a time of day. */
export interface DateColumn {
  readonly kind: "date";
  readonly name: string;
  /** float64 (n,): seconds since 1970-01-01 00:00 UTC; NaN for none */
  readonly values: ArrayFile;
  readonly minimum: number;
  readonly maximum: number;
  readonly has_time: boolean;
}

/** A column of free text; the values are in the strings, under the name of the column. */
export interface TextColumn {
  readonly kind: "text";
  readonly name: string;
}

/** A file of blocks, each for `block_items` items in the order of the bundle. */
export interface Blocks {
  readonly file: string;
  /** float64 (n_blocks + 1,): the offset of each block */
  readonly starts: ArrayFile;
  readonly block_items: number;
  /** number of items with an entry, from the first item on */
  readonly n_items: number;
}

/** WebP images of one size. */
export interface ThumbnailPack {
  readonly file: string;
  /** float64 (n_blocks + 1,): the offset of each block */
  readonly starts: ArrayFile;
  readonly block_items: number;
  /** number of items with an entry, from the first item on */
  readonly n_items: number;
  /** longest side */
  readonly size_px: number;
}

/** A separate grid cell for every item, near the position of the item on the map. */
export interface Grid {
  /** uint16 (n, 2): column and row, increasing with x and y */
  readonly cells: ArrayFile;
  readonly n_columns: number;
  readonly n_rows: number;
}

/** The nearest items in feature space, nearest first. */
export interface NeighborGraph {
  /** uint32 (n, k), in the order of the bundle */
  readonly indices: ArrayFile;
  /** float32 (n, k) */
  readonly distances: ArrayFile;
}

/** One finding. Items are indices in the order of the bundle. */
export interface ListedFinding {
  /** the finding as a sentence */
  readonly text: string;
  /** the first MOST_LISTED_ITEMS items */
  readonly items: readonly number[];
  /** number of items, including items that are not listed */
  readonly n_items: number;
  /** the suggested label */
  readonly suggested: string | null;
  /** items that support the finding */
  readonly neighbors: readonly number[];
}

/** The findings of one kind: JSON, a list of ListedFinding, in a part of the file. */
export interface ListedSection {
  /** identifies the section in the page's address */
  readonly name: string;
  readonly title: string;
  /** plain sentences about all findings of the section */
  readonly text: string;
  /** how the findings are computed */
  readonly method: string | null;
  /** name of the column with the scores of all items */
  readonly column: string | null;
  /** one item for each finding; duplicates; several items; no items */
  readonly layout: "items" | "pairs" | "groups" | "texts";
  readonly n_findings: number;
  /** number of findings in the file, at most MOST_LISTED */
  readonly n_listed: number;
  /** offset of the first byte */
  readonly start: number;
  /** offset after the last byte */
  readonly end: number;
}

/** The findings of a map, one section after the other. */
export interface FindingsFile {
  readonly file: string;
  /** the most useful section first */
  readonly sections: readonly ListedSection[];
}

/** The classes that the network recognizes in each item, and the words that name the classes. */
export interface WordsFile {
  /** uint16 (n, k), the most probable first */
  readonly classes: ArrayFile;
  /** uint16 (n, k); 65535 is a probability of 1 */
  readonly probabilities: ArrayFile;
  /** JSON: the classes of each word, in lower case */
  readonly file: string;
  /** length of the file */
  readonly n_bytes: number;
}

/** The vectors of words by the text tower of the network, and of the items. The similarity of a word and an item is the sum of the products of both vectors and `scales`. */
export interface VectorsFile {
  /** int8 (v, d) */
  readonly words: ArrayFile;
  /** int8 (n, d) */
  readonly items: ArrayFile;
  /** float32 (d,) */
  readonly scales: ArrayFile;
  /** JSON: the vectors of each word, in lower case */
  readonly file: string;
  /** length of the file */
  readonly n_bytes: number;
}

/** The name of a class, written on the map at the position of an item of the class. */
export interface ClassName {
  /** in the order of the bundle; in the densest spot */
  readonly item: number;
  /** the class, an index into classes */
  readonly code: number;
  /** number of items in this cluster of the class */
  readonly n_items: number;
}

/** The name of a region of the map, written at the position of an item in its densest spot. */
export interface RegionName {
  /** in the order of the bundle */
  readonly item: number;
  readonly name: string;
  /** 0 for the largest regions; each level has smaller ones */
  readonly level: number;
  /** number of items in the region */
  readonly n_items: number;
  /** the item that represents the region; absent in older bundles */
  readonly image: number | null;
}

/** The description of a map, with the names of the array files. */
export interface Manifest {
  readonly format: "featscape-bundle";
  readonly version: 1;
  readonly title: string;
  readonly n_items: number;
  readonly n_dimensions: 2 | 3;
  /** ends of the levels: the items before each end are a random sample */
  readonly level_ends: readonly number[];
  /** minimum coordinate of each axis */
  readonly lower: readonly number[];
  /** maximum coordinate of each axis */
  readonly upper: readonly number[];
  readonly positions: ArrayFile;
  readonly ids: ArrayFile;
  readonly classes: readonly ClassEntry[] | null;
  readonly class_codes: ArrayFile | null;
  readonly grid: Grid | null;
  readonly neighbors: NeighborGraph;
  readonly columns: readonly (CategoryColumn | NumberColumn | DateColumn | TextColumn)[];
  readonly strings: Blocks | null;
  /** smallest first; empty without images */
  readonly thumbnails: readonly ThumbnailPack[];
  /** how the map was made, as texts for the panel */
  readonly facts: { readonly [name: string]: string };
  /** the most important name first; absent in older bundles */
  readonly names: readonly ClassName[];
  /** the largest regions first; absent in older bundles */
  readonly regions: readonly RegionName[];
  /** null without findings; absent in older bundles */
  readonly findings: FindingsFile | null;
  /** null without words; absent in older bundles */
  readonly words: WordsFile | null;
  /** null for networks without a text tower and large maps; absent in older bundles */
  readonly vectors: VectorsFile | null;
  /** SHA-256 of the paths by id, or of the positions of items without paths: maps with the same digest have the same items; absent in older bundles */
  readonly items_digest: string | null;
}

/** What the program behind the page can do; nothing for a file or a static site. */
export interface Abilities {
  readonly originals: boolean;
  readonly search: boolean;
  /** compares images with a text, by the network of the map */
  readonly content: boolean;
  /** maximum number of originals in one archive */
  readonly zip: number;
  readonly place: boolean;
  /** why images cannot be placed, with the remedy, as a sentence */
  readonly no_place: string | null;
}

/** The settings of a page for the viewer, as JSON in ``<script id="featscape">``. */
export interface PageSetup {
  readonly source: "server" | "site" | "file";
  /** address of the bundle's files, relative to the page */
  readonly data: string;
  /** address of the server's API; None without a server */
  readonly api: string | null;
  readonly abilities: Abilities;
  /** a message for the reader, such as what is missing */
  readonly notice: string | null;
}

/** Find the items that match every word, "phrase" and column:value of `text`. */
export interface SearchRequest {
  readonly text: string;
}

/** Compare every item with a text. */
export interface ContentRequest {
  readonly text: string;
}

/** A selection, by id (row of items.parquet). */
export interface ItemsRequest {
  readonly ids: readonly number[];
}

/** A ZIP archive that can be downloaded, for a limited time. */
export interface Archive {
  readonly key: string;
}

/** All values of an item in the table. */
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

/** The position of a new image on the map, and its nearest items in feature space. */
export interface Placed {
  readonly position: readonly number[];
  readonly neighbors: NeighborList;
  /** a small copy of a TIFF image as base64; None for formats that browsers show */
  readonly thumbnail: string | null;
}

/** A request of a notebook's page to the kernel for bytes of a file of the bundle. */
export interface ReadRequest {
  readonly kind: "read";
  /** chosen by the page; the answer repeats the id */
  readonly id: number;
  readonly file: string;
  readonly start: number;
  /** exclusive; None for the end of the file */
  readonly end: number | null;
}

/** The answer of the kernel: the bytes are in the first buffer, or `error` has the reason. */
export interface ReadAnswer {
  readonly kind: "data" | "error";
  readonly id: number;
  readonly error: string | null;
}

/** The JSON of every error response of the server. */
export interface ErrorMessage {
  readonly error: string;
  readonly status: number;
}
