/** A file of blocks: one block read at a time, the latest few kept. */
import type { Blocks } from "../contract";
import type { Source } from "../source";

const KEPT_BLOCKS = 48;
const READ_BYTES = 2 ** 20;

export class BlockFile<T extends readonly unknown[]> {
  readonly nItems: number;
  private starts: Promise<Float64Array> | null = null;
  private readonly kept = new Map<number, Promise<T>>();

  constructor(
    private readonly source: Source,
    private readonly blocks: Blocks,
    private readonly parse: (bytes: ArrayBuffer, count: number) => T,
  ) {
    this.nItems = blocks.n_items;
  }

  async entry(item: number): Promise<T[number] | undefined> {
    if (item >= this.nItems) return undefined;
    const { block_items } = this.blocks;
    return (await this.block(Math.floor(item / block_items)))[item % block_items];
  }

  /** Every block in order, many at one reading; none is kept. */
  async *all(): AsyncGenerator<T> {
    const starts = await this.blockStarts();
    const count = Math.ceil(this.nItems / this.blocks.block_items);
    for (let first = 0; first < count; ) {
      const from = starts[first] as number;
      let last = first + 1;
      while (last < count && (starts[last + 1] as number) - from <= READ_BYTES) last++;
      const bytes = await this.source.read(this.blocks.file, from, starts[last]);
      for (; first < last; first++) {
        const part = bytes.slice(
          (starts[first] as number) - from,
          (starts[first + 1] as number) - from,
        );
        yield this.parse(part, this.itemsIn(first));
      }
    }
  }

  private block(block: number): Promise<T> {
    const known = this.kept.get(block);
    this.kept.delete(block); // and set again: the latest used stand last
    const bytes = known ?? this.read(block);
    this.kept.set(block, bytes);
    if (!known) bytes.catch(() => this.kept.delete(block));
    if (this.kept.size > KEPT_BLOCKS) {
      for (const oldest of this.kept.keys()) {
        this.kept.delete(oldest);
        break;
      }
    }
    return bytes;
  }

  private async read(block: number): Promise<T> {
    const starts = await this.blockStarts();
    const bytes = await this.source.read(this.blocks.file, starts[block], starts[block + 1]);
    return this.parse(bytes, this.itemsIn(block));
  }

  private itemsIn(block: number): number {
    const { block_items } = this.blocks;
    return Math.min(block_items, this.nItems - block * block_items);
  }

  private blockStarts(): Promise<Float64Array> {
    this.starts ??= this.source.read(this.blocks.starts.file).then(
      (bytes) => new Float64Array(bytes),
      (error) => {
        this.starts = null; // a failed reading may be tried again
        throw error;
      },
    );
    return this.starts;
  }
}
