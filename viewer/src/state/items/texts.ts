/** The texts of the items: one block at a time for panels, all of them for the search. */
import { readArray } from "../../bundle/arrays";
import { BlockFile } from "../../bundle/blocks";
import type { Blocks } from "../../contract";
import type { Source } from "../../source";

export type Texts = Readonly<Record<string, string | null>>;

/** A block as stored: by column, one text per item. */
export type TextColumns = Readonly<Record<string, readonly (string | null)[]>>;

const KEPT_BLOCKS = 64; // blocks in the cache
const READ_BYTES = 2 ** 20; // of blocks in one request

export class TextFile {
  private readonly file: BlockFile;
  private readonly kept = new Map<number, Promise<readonly Texts[]>>();

  constructor(
    private readonly source: Source,
    private readonly blocks: Blocks,
  ) {
    this.file = new BlockFile(source, blocks);
  }

  async of(item: number): Promise<Texts> {
    if (item >= this.blocks.n_items) return {};
    return (await this.block(this.file.blockOf(item)))[item % this.blocks.block_items] ?? {};
  }

  /** The columns of every block in order, many blocks per read. They are not cached. */
  async *all(): AsyncGenerator<TextColumns> {
    const starts = await readArray(this.source, this.blocks.starts, "float64");
    for (let first = 0; first < this.file.count; ) {
      const from = starts[first] as number;
      let last = first + 1;
      while (last < this.file.count && (starts[last + 1] as number) - from <= READ_BYTES) last++;
      const bytes = await this.source.read(this.blocks.file, from, starts[last]);
      for (; first < last; first++) {
        const [start, end] = [starts[first] as number, starts[first + 1] as number];
        yield parse(new Uint8Array(bytes, start - from, end - start));
      }
    }
  }

  private block(block: number): Promise<readonly Texts[]> {
    const known = this.kept.get(block);
    this.kept.delete(block); // inserted again below: the most recently used block is the last
    const texts = known ?? this.file.read(block).then((bytes) => rows(parse(bytes)));
    this.kept.set(block, texts);
    if (!known) texts.catch(() => this.kept.delete(block)); // a later call reads again
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= KEPT_BLOCKS) break;
      this.kept.delete(oldest);
    }
    return texts;
  }
}

function parse(bytes: AllowSharedBufferSource): TextColumns {
  return JSON.parse(new TextDecoder().decode(bytes));
}

function rows(columns: TextColumns): Texts[] {
  const names = Object.keys(columns);
  const count = Math.max(0, ...names.map((name) => columns[name]?.length ?? 0));
  return Array.from({ length: count }, (_, i) =>
    Object.fromEntries(names.map((name) => [name, columns[name]?.[i] ?? null])),
  );
}
