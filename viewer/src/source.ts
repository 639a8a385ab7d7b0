/** Where a map's bytes come from: the one question that server, site, file and notebook answer. */
import type { Abilities, ItemDetails, Manifest, NeighborList, Placed } from "./contract";

export interface Source {
  readonly manifest: Manifest;
  readonly abilities: Abilities;
  /** What this page leaves out, said to the reader; null where nothing is left out. */
  readonly notice: string | null;
  /** Bytes `start` (default 0) to `end` (exclusive; default the end) of one of the bundle's files. */
  read(file: string, start?: number, end?: number): Promise<ArrayBuffer>;
  /** Only with `abilities.originals`: the address of the original image of `id`. */
  originalUrl?(id: number): string;
  /** Only with a server. */
  details?(id: number): Promise<ItemDetails>;
  /** Only with a server: more exact than the graph in the bundle, which has few neighbors. */
  neighbors?(id: number): Promise<NeighborList>;
  /** Only with `abilities.search`: ids of the items whose path, label and texts together hold every word. */
  search?(text: string): Promise<Uint32Array>;
  /** Only with `abilities.zip`: the address of a ZIP of the originals. */
  zip?(ids: Uint32Array): Promise<string>;
  /** Only with `abilities.place`. */
  place?(image: Blob): Promise<Placed>;
  /** Only in a notebook: tells Python what is selected. */
  select?(ids: Uint32Array): void;
  /** Only in a notebook: hears why the kernel does not answer, and null where it does again. */
  watch?(tell: (trouble: string | null) => void): void;
}
