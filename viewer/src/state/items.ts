/** What the panels ask of items: label, columns, texts, neighbors, images. All read when looked at. */
import {
  type ArrayFile,
  type CategoryColumn,
  type ClassEntry,
  type ItemDetails,
  type Manifest,
  NO_ITEM,
  type NumberColumn,
} from "../contract";
import type { Source } from "../source";
import { BlockFile } from "./blocks";
import type { Values } from "./filters";

export const LABEL = "label"; // the classes, where a column's name is asked for

const WHOLE_COLUMN_ITEMS = 200_000;

export type Texts = Readonly<Record<string, string | null>>;

export interface Neighbor {
  readonly item: number;
  readonly distance: number;
}

export class Items {
  readonly count: number;
  private readonly columns = new Map<string, Promise<Values>>();
  private readonly strings: BlockFile<readonly Texts[]> | null;
  private readonly packs: readonly { sizePx: number; images: BlockFile<readonly Blob[]> }[];
  private inverse: Uint32Array | null = null;

  constructor(
    readonly source: Source,
    private readonly ids: Uint32Array,
    readonly classes: Uint16Array | null,
  ) {
    const { manifest } = source;
    this.count = manifest.n_items;
    this.strings = manifest.strings && new BlockFile(source, manifest.strings, parseTexts);
    this.packs = manifest.thumbnails.map((pack) => ({
      sizePx: pack.size_px,
      images: new BlockFile(source, pack, parseImages),
    }));
  }

  get manifest(): Manifest {
    return this.source.manifest;
  }

  id(item: number): number {
    return this.ids[item] as number;
  }

  /** The item of an id; null for an id of no item, as of an old address. */
  itemOf(id: number): number | null {
    if (!this.inverse) {
      this.inverse = new Uint32Array(this.count).fill(NO_ITEM);
      for (let item = 0; item < this.count; item++) this.inverse[this.id(item)] = item;
    }
    const item = this.inverse[id] ?? NO_ITEM;
    return item === NO_ITEM ? null : item;
  }

  classOf(item: number): ClassEntry | null {
    const code = this.classes?.[item];
    return (code !== undefined && this.manifest.classes?.[code]) || null;
  }

  /** A whole column of codes or numbers, read once. */
  column(name: string): Promise<Values> {
    let values = this.columns.get(name);
    if (!values) {
      values = this.readColumn(name);
      // A failed reading may be tried again.
      values.catch(() => this.columns.delete(name));
      this.columns.set(name, values);
    }
    return values;
  }

  private async readColumn(name: string): Promise<Values> {
    if (name === LABEL && this.classes) return this.classes;
    const column = this.manifest.columns.find((each) => each.name === name);
    if (column?.kind === "category") {
      return new Uint16Array(await this.source.read(column.codes.file));
    }
    if (column?.kind === "number") {
      return new Float32Array(await this.source.read(column.values.file));
    }
    throw new RangeError(`a column of codes or numbers is needed; got ${JSON.stringify(name)}`);
  }

  /** One item's code or number: of the whole column where it is small or read already. */
  private async value(column: CategoryColumn | NumberColumn, item: number): Promise<number> {
    const { name } = column;
    if (this.columns.has(name) || this.count <= WHOLE_COLUMN_ITEMS) {
      return (await this.column(name))[item] as number;
    }
    const one =
      column.kind === "category"
        ? new Uint16Array(await this.row(column.codes, item))
        : new Float32Array(await this.row(column.values, item));
    return one[0] as number;
  }

  /** Path and free texts. */
  async texts(item: number): Promise<Texts> {
    if (!this.strings) return {};
    return (await this.strings.entry(item)) ?? {};
  }

  /** All texts, block by block, for who reads them once. */
  async *allTexts(): AsyncGenerator<readonly Texts[]> {
    if (this.strings) yield* this.strings.all();
  }

  async path(item: number): Promise<string> {
    return (await this.texts(item))["path"] ?? `item ${this.id(item)}`;
  }

  async details(item: number): Promise<ItemDetails> {
    const { source } = this;
    if (source.details) return source.details(this.id(item));
    const texts = await this.texts(item);
    const columns: Record<string, string | number | null> = {};
    for (const column of this.manifest.columns) {
      if (column.kind === "text") columns[column.name] = texts[column.name] ?? null;
      else {
        const value = await this.value(column, item);
        if (column.kind === "category")
          columns[column.name] = column.categories[value]?.name ?? null;
        else columns[column.name] = Number.isNaN(value) ? null : value;
      }
    }
    return {
      id: this.id(item),
      label: this.classOf(item)?.name ?? null,
      path: texts["path"] ?? null,
      width: null,
      height: null,
      columns,
    };
  }

  /** The nearest in feature space, nearest first. */
  async neighbors(item: number): Promise<Neighbor[]> {
    if (this.source.neighbors) {
      const list = await this.source.neighbors(this.id(item));
      return this.neighborsOfIds(list.ids, list.distances);
    }
    const { indices, distances } = this.manifest.neighbors;
    const [items, lengths] = await Promise.all([
      this.row(indices, item).then((bytes) => new Uint32Array(bytes)),
      this.row(distances, item).then((bytes) => new Float32Array(bytes)),
    ]);
    return Array.from(items, (other, i) => ({ item: other, distance: lengths[i] ?? 0 })).filter(
      (neighbor) => neighbor.item !== NO_ITEM,
    );
  }

  neighborsOfIds(ids: readonly number[], distances: readonly number[]): Neighbor[] {
    return ids.flatMap((id, i) => {
      const item = this.itemOf(id);
      return item === null ? [] : [{ item, distance: distances[i] ?? 0 }];
    });
  }

  /** The smallest thumbnail of at least `sizePx`, or else the largest; null where none is kept. */
  async thumbnail(item: number, sizePx: number): Promise<Blob | null> {
    const kept = this.packs.filter((pack) => item < pack.images.nItems);
    const pack = kept.find((each) => each.sizePx >= sizePx) ?? kept.at(-1);
    return (await pack?.images.entry(item)) ?? null;
  }

  private row(array: ArrayFile, item: number): Promise<ArrayBuffer> {
    const width = array.shape.slice(1).reduce((a, b) => a * b, 1);
    const bytes = width * Number(array.dtype.replace(/\D/g, "")) * 0.125;
    return this.source.read(array.file, item * bytes, (item + 1) * bytes);
  }
}

function parseTexts(bytes: ArrayBuffer): Texts[] {
  const columns: Record<string, (string | null)[]> = JSON.parse(new TextDecoder().decode(bytes));
  const names = Object.keys(columns);
  const count = Math.max(0, ...Object.values(columns).map((values) => values.length));
  return Array.from({ length: count }, (_, i) =>
    Object.fromEntries(names.map((name) => [name, columns[name]?.[i] ?? null])),
  );
}

function parseImages(bytes: ArrayBuffer, count: number): Blob[] {
  const offsets = new Uint32Array(bytes, 0, count + 1);
  return Array.from(
    { length: count },
    (_, i) => new Blob([bytes.slice(offsets[i], offsets[i + 1])], { type: "image/webp" }),
  );
}
