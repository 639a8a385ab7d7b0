/** Files of blocks: the block of an item, and the entries of a block. */
import type { Blocks } from "../contract";
import type { Source } from "../source";
import { SourceError } from "../sources/error";
import { readArray } from "./arrays";

/** A file of blocks, read one block at a time. */
export class BlockFile {
  readonly count: number;
  private starts: Promise<Float64Array> | undefined;

  constructor(
    private readonly source: Source,
    readonly blocks: Blocks,
  ) {
    this.count = Math.ceil(blocks.n_items / blocks.block_items);
  }

  blockOf(item: number): number {
    return Math.floor(item / this.blocks.block_items);
  }

  async read(block: number): Promise<ArrayBuffer> {
    this.starts ??= readArray(this.source, this.blocks.starts, "float64").catch((error) => {
      this.starts = undefined; // a later call reads again
      throw error;
    });
    const starts = await this.starts;
    return this.source.read(this.blocks.file, starts[block], starts[block + 1]);
  }
}

/** The bytes of entry `index` of a block: uint32 offsets (count + 1,), then the entries. */
export function entry(block: ArrayBuffer, index: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(block);
  const table = view.byteLength >= 4 ? view.getUint32(0, true) : 0; // end of the offsets
  const at = index * 4;
  const start = at + 8 <= table ? view.getUint32(at, true) : -1;
  const end = start < 0 ? -1 : view.getUint32(at + 4, true);
  if (start < table || end < start || end > block.byteLength) {
    throw new SourceError(
      `A block of thumbnails of ${block.byteLength} bytes has no entry ${index}. The map is damaged. Make the map again.`,
    );
  }
  return new Uint8Array(block, start, end - start);
}
