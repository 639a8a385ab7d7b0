/** Where a map's bytes come from: a server, a static site, one file, or a notebook kernel. */
import type { Abilities, ItemDetails, Manifest, NeighborList, Placed } from "./contract";

export interface Source {
  readonly manifest: Manifest;
  readonly abilities: Abilities;
  /** What this page leaves out, as text for the reader; null if nothing. */
  readonly notice: string | null;
  /** Read bytes `start` (default 0) to `end` (exclusive; default: the end) of one of its files. */
  read(file: string, start?: number, end?: number): Promise<ArrayBuffer>;
  /** Only with `abilities.originals`: the URL of the original image of `id`. */
  originalUrl?(id: number): string;
  /** Only with a server. */
  details?(id: number): Promise<ItemDetails>;
  /** Only with a server: more neighbors than the bundle has. */
  neighbors?(id: number): Promise<NeighborList>;
  /** Only with `abilities.search`: ids of the items whose texts together contain every word. */
  search?(text: string): Promise<Uint32Array>;
  /** Only with `abilities.content`: the cosine similarity of each item to a text, by id. */
  content?(text: string): Promise<Float32Array>;
  /** Only with `abilities.zip`: the URL of a ZIP of the originals. */
  zip?(ids: Uint32Array): Promise<string>;
  /** Only with `abilities.place`. */
  place?(image: Blob): Promise<Placed>;
  /** Only in a notebook: pass the selection to Python. */
  select?(ids: Uint32Array): void;
  /** Only in a notebook: call `report` when the kernel stops answering, and with null afterwards. */
  watch?(report: (trouble: string | null) => void): void;
}
