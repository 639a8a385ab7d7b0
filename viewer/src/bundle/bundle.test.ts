import { expect, test, vi } from "vitest";
import type { Manifest, ThumbnailPack } from "../contract";
import type { Source } from "../source";
import { readArray } from "./arrays";
import { entry } from "./blocks";
import { ByteCache } from "./cache";
import { Thumbnails } from "./thumbnails";

/** A block as the bundle writes it: offsets, then the entries. */
function block(entries: readonly (readonly number[])[]): ArrayBuffer {
  const table = 4 * (entries.length + 1);
  const bytes = new Uint8Array(table + entries.flat().length);
  const view = new DataView(bytes.buffer);
  let at = table;
  for (const [i, values] of entries.entries()) {
    view.setUint32(4 * i, at, true);
    bytes.set(values, at);
    at += values.length;
  }
  view.setUint32(4 * entries.length, at, true);
  return bytes.buffer;
}

const BLOCK = block([[1, 2, 3], [], [4, 5]]);

test("an entry is the bytes between two offsets", () => {
  expect([...entry(BLOCK, 0)]).toEqual([1, 2, 3]);
  expect([...entry(BLOCK, 1)]).toEqual([]);
  expect([...entry(BLOCK, 2)]).toEqual([4, 5]);
});

test.each([
  ["an entry too many", BLOCK, 3],
  ["an empty block", new ArrayBuffer(0), 0],
  ["a block cut short", BLOCK.slice(0, BLOCK.byteLength - 1), 2],
])("%s is an error and not other bytes", (_, bytes, index) => {
  expect(() => entry(bytes, index)).toThrow(/damaged/);
});

test("the cache keeps its bound and drops the least recently used entries", () => {
  const cache = new ByteCache<string>(10);
  cache.set("a", "A", 4);
  cache.set("b", "B", 4);
  cache.get("a");
  cache.set("c", "C", 4);
  expect([cache.has("a"), cache.has("b"), cache.has("c")]).toEqual([true, false, true]);
  expect(cache.bytes).toBe(8);
  cache.set("c", "C", 5);
  expect(cache.bytes).toBe(9);
  cache.set("huge", "H", 40); // a single entry may exceed the limit, because it is in use
  expect(cache.bytes).toBe(40);
});

/** A pack of forty items and one of six, in blocks of four; the item's number is its image's only byte. */
function source(read: (file: string, at: number) => void = () => {}): Source {
  const size = block([[0], [0], [0], [0]]).byteLength;
  const pack = (size_px: number, n_items: number): ThumbnailPack => ({
    file: `thumbnails-${size_px}.bin`,
    starts: { file: `thumbnails-${size_px}-blocks.bin`, dtype: "float64", shape: [11] },
    block_items: 4,
    n_items,
    size_px,
  });
  return {
    manifest: { thumbnails: [pack(32, 40), pack(64, 6)] } as unknown as Manifest,
    read: async (file: string, start = 0) => {
      if (file.endsWith("-blocks.bin"))
        return Float64Array.from({ length: 11 }, (_, i) => i * size).buffer;
      const index = start / size;
      read(file, index);
      return block([0, 1, 2, 3].map((i) => [4 * index + i]));
    },
  } as unknown as Source;
}

test("the smallest sufficient pack is chosen, or a smaller one if the item is in no larger pack", () => {
  const thumbnails = new Thumbnails(source());
  expect(thumbnails.packFor(0, 20)).toBe(0);
  expect(thumbnails.packFor(0, 33)).toBe(1);
  expect(thumbnails.packFor(0, 500)).toBe(1);
  expect(thumbnails.packFor(7, 500)).toBe(0);
  expect(thumbnails.packFor(40, 20)).toBe(-1);
  expect(thumbnails.nItems).toBe(40);
});

test("blocks are read once, in the order of their rank", async () => {
  const reads: number[] = [];
  const thumbnails = new Thumbnails(source((_, at) => reads.push(at)));
  const wanted = [2, 0, 1].map((number, rank) => ({ pack: 0, block: number, rank }));
  thumbnails.want(wanted);
  await vi.waitFor(() => expect(thumbnails.bytes(0, 9)).not.toBeNull());
  thumbnails.want(wanted);
  const image = await thumbnails.blob(5, 20);
  expect([...new Uint8Array(await (image as Blob).arrayBuffer())]).toEqual([5]);
  expect([...(thumbnails.bytes(0, 9) ?? [])]).toEqual([9]);
  expect(reads).toEqual([2, 0, 1]);
});

test("blocks that are no longer wanted are not read", async () => {
  const reads: number[] = [];
  const thumbnails = new Thumbnails(source((_, at) => reads.push(at)));
  thumbnails.want(Array.from({ length: 10 }, (_, i) => ({ pack: 0, block: i, rank: i })));
  thumbnails.want([]);
  await vi.waitFor(() => expect(reads).toEqual([0, 1, 2, 3, 4, 5])); // under way
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(reads).toHaveLength(6);
});

test("a damaged block gives no image, and is reported once until images arrive again", async () => {
  const good = source();
  let damaged = true;
  const thumbnails = new Thumbnails({
    ...good,
    read: async (file, start, end) => {
      const bytes = await good.read(file, start, end);
      return damaged && !file.endsWith("-blocks.bin")
        ? new Uint8Array(bytes).fill(255).buffer
        : bytes;
    },
  });
  const calls: (string | null)[] = [];
  thumbnails.troubled = (why) => calls.push(why);
  const wants = (...blocks: number[]) =>
    thumbnails.want(blocks.map((number) => ({ pack: 0, block: number, rank: number })));
  wants(0, 1);
  await vi.waitFor(() => expect(calls).toHaveLength(1));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(calls).toEqual([expect.stringContaining("damaged")]);
  expect(thumbnails.bytes(0, 0)).toBeNull();
  damaged = false;
  wants(2, 3);
  await vi.waitFor(() => expect(calls[1]).toBeNull());
  expect([...(thumbnails.bytes(0, 9) ?? [])]).toEqual([9]);
});

test("an array that differs from the manifest is an error", async () => {
  const four = { read: async () => new ArrayBuffer(16) } as unknown as Source;
  const file = { file: "x.bin", dtype: "float32", shape: [2, 2] } as const;
  expect(await readArray(four, file, "float32")).toHaveLength(4);
  await expect(readArray(four, { ...file, shape: [3, 2] }, "float32")).rejects.toThrow(
    /24 bytes; got 16/,
  );
  await expect(readArray(four, file, "uint16")).rejects.toThrow(/must be of uint16; got float32/);
});
