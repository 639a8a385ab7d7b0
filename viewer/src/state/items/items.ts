/** Labels, columns, texts and neighbors of items, read when they are needed. */
import { type Arrays, readArray } from "../../bundle/arrays";
import type { Thumbnails } from "../../bundle/thumbnails";
import {
  type ArrayFile,
  type CategoryColumn,
  type ClassEntry,
  type DateColumn,
  type ItemDetails,
  type Manifest,
  NO_ITEM,
  NO_LABEL,
  type NumberColumn,
} from "../../contract";
import type { Source } from "../../source";
import { isDouble } from "../filters/columns";
import type { Values } from "../filters/filters";
import { elsewhere } from "../findings/torn";
import { dateText } from "../wording/words";
import { type TextColumns, TextFile, type Texts } from "./texts";

export const LABEL = "label"; // the name of the class column

/** The classes without that of the items that have no label. */
export function withLabel<T extends { readonly name: string }>(classes: readonly T[]): T[] {
  return classes.filter(({ name }) => name !== NO_LABEL);
}

const WHOLE_COLUMN_ITEMS = 200_000; // columns of more items are read value by value

export interface Neighbor {
  readonly item: number;
  readonly distance: number;
}

/** The most similar items of an item that are elsewhere on the map. */
export interface TornNeighbors {
  readonly item: number;
  readonly elsewhere: readonly number[];
  /** The number of neighbors that were compared. */
  readonly total: number;
}

export class Items {
  readonly count: number;
  readonly classes: Uint16Array | null;
  private readonly positions: Float32Array;
  private readonly ids: Uint32Array;
  private readonly columns = new Map<string, Promise<Values>>();
  private readonly strings: TextFile | null;
  private inverse: Uint32Array | null = null;
  private names: readonly string[] | null = null;

  constructor(
    readonly source: Source,
    arrays: Pick<Arrays, "positions" | "ids" | "classes">,
    private readonly images: Pick<Thumbnails, "blob">,
  ) {
    const { n_items, strings } = source.manifest;
    this.count = n_items;
    this.positions = arrays.positions;
    this.ids = arrays.ids;
    this.classes = arrays.classes;
    this.strings = strings && new TextFile(source, strings);
  }

  get manifest(): Manifest {
    return this.source.manifest;
  }

  id(item: number): number {
    return this.ids[item] as number;
  }

  /** The item with an id; null if no item has the id. An old address may name such an id. */
  itemOf(id: number): number | null {
    if (!this.inverse) {
      this.inverse = new Uint32Array(this.count).fill(NO_ITEM);
      for (let item = 0; item < this.count; item++) this.inverse[this.id(item)] = item;
    }
    const item = this.inverse[id] ?? NO_ITEM;
    return item === NO_ITEM ? null : item;
  }

  /** The names of all classes. The list is always the same object, because `nameParts` caches by list. */
  get classNames(): readonly string[] {
    this.names ??= (this.manifest.classes ?? []).map((entry) => entry.name);
    return this.names;
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
      values.catch(() => this.columns.delete(name)); // a later call reads again
      this.columns.set(name, values);
    }
    return values;
  }

  private async readColumn(name: string): Promise<Values> {
    if (name === LABEL && this.classes) return this.classes;
    const column = this.manifest.columns.find((each) => each.name === name);
    if (column?.kind === "category") return readArray(this.source, column.codes, "uint16");
    if (column && "values" in column) {
      return readArray(this.source, column.values, isDouble(column) ? "float64" : "float32");
    }
    throw new RangeError(
      `The map has no column ${JSON.stringify(name)} of categories, numbers or dates. Choose another column.`,
    );
  }

  /** The code or number of one item. Small columns are read as a whole. */
  private async value(
    column: CategoryColumn | NumberColumn | DateColumn,
    item: number,
  ): Promise<number> {
    const { name } = column;
    if (this.columns.has(name) || this.count <= WHOLE_COLUMN_ITEMS) {
      return (await this.column(name))[item] as number;
    }
    if (column.kind === "category") {
      return new Uint16Array(await this.row(column.codes, item, 2))[0] as number;
    }
    const bytes = await this.row(column.values, item, isDouble(column) ? 8 : 4);
    return new (isDouble(column) ? Float64Array : Float32Array)(bytes)[0] as number;
  }

  /** The path and text columns. */
  async texts(item: number): Promise<Texts> {
    return this.strings ? this.strings.of(item) : {};
  }

  /** All texts, one block at a time. */
  async *allTexts(): AsyncGenerator<TextColumns> {
    if (this.strings) yield* this.strings.all();
  }

  async path(item: number): Promise<string> {
    return (await this.texts(item))["path"] ?? `item ${this.id(item)}`;
  }

  /** The server's row, whose numbers are exact, together with the columns of the bundle. */
  async allDetails(item: number): Promise<ItemDetails> {
    const [own, more] = await Promise.all([
      this.details(item),
      this.source.details?.(this.id(item)),
    ]);
    return more ? { ...more, columns: { ...own.columns, ...more.columns } } : own;
  }

  /** The paths of items, in the order of the bundle. Items without a path are left out. */
  async paths(items: Uint32Array): Promise<string[]> {
    const paths: string[] = [];
    for (const item of Uint32Array.from(items).sort()) {
      const { path } = await this.texts(item);
      if (path) paths.push(path);
    }
    return paths;
  }

  /** The ids of the items with these paths. */
  async idsOf(paths: ReadonlySet<string>): Promise<Map<string, number>> {
    const ids = new Map<string, number>();
    let item = 0;
    for await (const block of this.allTexts()) {
      for (const path of block["path"] ?? []) {
        if (path && paths.has(path)) ids.set(path, this.id(item));
        item++;
      }
    }
    return ids;
  }

  async details(item: number): Promise<ItemDetails> {
    const texts = await this.texts(item);
    const columns: Record<string, string | number | null> = {};
    for (const column of this.manifest.columns) {
      if (column.kind === "text") {
        columns[column.name] = texts[column.name] ?? null;
        continue;
      }
      const value = await this.value(column, item);
      if (column.kind === "category") columns[column.name] = column.categories[value]?.name ?? null;
      else if (Number.isNaN(value)) columns[column.name] = null;
      else columns[column.name] = column.kind === "date" ? dateText(value, column.has_time) : value;
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

  /** The nearest items in feature space, nearest first. */
  async neighbors(item: number): Promise<Neighbor[]> {
    if (this.source.neighbors) {
      const list = await this.source.neighbors(this.id(item));
      return this.neighborsOfIds(list.ids, list.distances);
    }
    const { indices, distances } = this.manifest.neighbors;
    const [items, lengths] = await Promise.all([
      this.row(indices, item, 4).then((bytes) => new Uint32Array(bytes)),
      this.row(distances, item, 4).then((bytes) => new Float32Array(bytes)),
    ]);
    return Array.from(items, (other, i) => ({ item: other, distance: lengths[i] ?? 0 })).filter(
      (neighbor) => neighbor.item !== NO_ITEM,
    );
  }

  /** The neighbors in the bundle, at most 12, that are elsewhere on the map, and their total number. */
  async tornNeighbors(item: number): Promise<TornNeighbors> {
    const { neighbors, n_dimensions } = this.manifest;
    const row = new Uint32Array(await this.row(neighbors.indices, item, 4));
    const known = [...row].filter((other) => other < this.count);
    return {
      item,
      elsewhere: elsewhere(this.positions, n_dimensions, item, known),
      total: known.length,
    };
  }

  neighborsOfIds(ids: readonly number[], distances: readonly number[]): Neighbor[] {
    return ids.flatMap((id, i) => {
      const item = this.itemOf(id);
      return item === null ? [] : [{ item, distance: distances[i] ?? 0 }];
    });
  }

  /** The smallest image of at least `sizePx`, or else the largest; null if there is none. */
  thumbnail(item: number, sizePx: number): Promise<Blob | null> {
    return this.images.blob(item, sizePx);
  }

  private row(array: ArrayFile, item: number, numberBytes: 2 | 4 | 8): Promise<ArrayBuffer> {
    const rowBytes = array.shape.slice(1).reduce((a, b) => a * b, numberBytes);
    return this.source.read(array.file, item * rowBytes, (item + 1) * rowBytes);
  }
}
