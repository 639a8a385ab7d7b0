/** The thumbnails, in packs of several sizes. Blocks are read when they are needed. */
import type { ThumbnailPack } from "../contract";
import type { Source } from "../source";
import { errorText } from "../sources/error";
import { timeMs } from "../time";
import { BlockFile, entry } from "./blocks";
import { ByteCache } from "./cache";

const CACHE_BYTES = 48 * 2 ** 20;
const IN_FLIGHT = 6; // requests at a time: as many as browsers open per server with HTTP/1.1
const RETRY_MS = 4000; // until a block that could not be read is requested again

/** A block to read; blocks with a lower `rank` are read first. */
export interface Wanted {
  readonly pack: number;
  readonly block: number;
  readonly rank: number;
}

export class Thumbnails {
  readonly packs: readonly ThumbnailPack[];
  /** Called after each block has arrived. */
  arrived: () => void = () => {};
  /** Called with a message when images stop arriving, and with null when they arrive again. */
  troubled: (why: string | null) => void = () => {};
  /** Number of items that have an image: the first ones. */
  readonly nItems: number;
  private readonly files: readonly BlockFile[];
  private readonly cache = new ByteCache<ArrayBuffer>(CACHE_BYTES);
  private readonly flying = new Map<string, Promise<ArrayBuffer>>();
  private readonly failed = new Map<string, number>();
  private queue: Wanted[] = [];
  private failing = false;

  constructor(source: Source) {
    this.packs = source.manifest.thumbnails;
    this.nItems = Math.max(0, ...this.packs.map((pack) => pack.n_items));
    this.files = this.packs.map((pack) => new BlockFile(source, pack));
  }

  /** The smallest pack with `item` at `sizePx` or more, else the largest with it; -1 if none. */
  packFor(item: number, sizePx: number): number {
    let best = -1;
    for (const [index, pack] of this.packs.entries()) {
      if (item >= pack.n_items) continue;
      best = index;
      if (pack.size_px >= sizePx) break;
    }
    return best;
  }

  blockOf(pack: number, item: number): number {
    return this.files[pack]!.blockOf(item);
  }

  /** The WebP bytes of `item`; null if its block is not cached. */
  bytes(pack: number, item: number): Uint8Array<ArrayBuffer> | null {
    const file = this.files[pack]!;
    const block = this.cache.get(`${pack}/${file.blockOf(item)}`);
    return block ? entry(block, item % file.blocks.block_items) : null;
  }

  /** Read these blocks by rank, a few at a time. Blocks from earlier calls are no longer read. */
  want(wanted: readonly Wanted[]): void {
    this.queue = [...wanted].sort((a, b) => b.rank - a.rank);
    this.next();
  }

  /** One image for a panel, read without waiting for the map's images. Null if there is none. */
  async blob(item: number, sizePx: number): Promise<Blob | null> {
    const pack = this.packFor(item, sizePx);
    if (pack < 0) return null;
    const file = this.files[pack]!;
    const block = file.blockOf(item);
    const bytes = this.cache.get(`${pack}/${block}`) ?? (await this.read(pack, block));
    return new Blob([entry(bytes, item % file.blocks.block_items)], { type: "image/webp" });
  }

  private next(): void {
    while (this.flying.size < IN_FLIGHT) {
      const wanted = this.queue.pop();
      if (!wanted) return;
      const key = `${wanted.pack}/${wanted.block}`;
      const pause = this.failed.get(key) ?? 0;
      if (this.flying.has(key) || this.cache.has(key) || timeMs() < pause) continue;
      this.read(wanted.pack, wanted.block).then(
        () => {
          this.failed.delete(key);
          if (this.failing) this.troubled(null);
          this.failing = false;
        },
        (error: unknown) => {
          if (!this.failing) this.troubled(errorText(error));
          this.failing = true;
          // after the source's own retries; the block is read again later
          this.failed.set(key, timeMs() + RETRY_MS);
          console.warn(`${this.packs[wanted.pack]!.file}, block ${wanted.block}: ${error}`);
        },
      );
    }
  }

  /** Check all entries of a block, so that no error occurs while a frame is drawn. */
  private check(pack: number, block: number, bytes: ArrayBuffer): void {
    const { block_items, n_items } = this.packs[pack]!;
    const count = Math.min(block_items, n_items - block * block_items);
    for (let index = 0; index < count; index++) entry(bytes, index);
  }

  private read(pack: number, block: number): Promise<ArrayBuffer> {
    const key = `${pack}/${block}`;
    const flying = this.flying.get(key);
    if (flying) return flying;
    const reading = this.files[pack]!.read(block)
      .then((bytes) => {
        this.check(pack, block, bytes);
        this.cache.set(key, bytes, bytes.byteLength);
        return bytes;
      })
      .finally(() => {
        this.flying.delete(key);
        this.next();
        this.arrived();
      });
    this.flying.set(key, reading);
    return reading;
  }
}
