import { expect, it } from "vitest";
import { smallSource } from "../testing/small-map";
import { inPieces } from "./progress";

it("a large file is read in pieces and assembled in order", async () => {
  const bytes = new Uint8Array(3 * 2 ** 20 + 17).map((_, i) => (i * 7) % 251);
  const reads: number[] = [];
  const { source } = smallSource();
  const large = {
    ...source,
    async read(_: string, start = 0, end = bytes.length) {
      reads.push(end - start);
      return bytes.slice(start, end).buffer;
    },
  };
  let here = 0;
  const read = inPieces(large, new Map([["large.bin", bytes.length]]), (more) => {
    here += more;
  }).read;
  expect(Buffer.compare(Buffer.from(await read("large.bin")), bytes)).toBe(0);
  expect(here).toBe(bytes.length);
  expect(reads).toHaveLength(4);
  await read("other.bin");
  expect(reads.at(-1)).toBe(bytes.length);
  expect(here).toBe(bytes.length);
});
