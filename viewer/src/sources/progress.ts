/** Reads large files in pieces, so that progress can be shown. */
import type { Source } from "../source";

const PIECE_BYTES = 2 ** 20;
const IN_FLIGHT = 4; // requests at a time

/** Wrap `source` to call `arrived` after each piece; `sizes` are the file sizes in bytes. */
export function inPieces(
  source: Source,
  sizes: ReadonlyMap<string, number>,
  arrived: (bytes: number) => void,
): Source {
  async function read(file: string, start?: number, end?: number): Promise<ArrayBuffer> {
    const size = sizes.get(file);
    if (size === undefined || start !== undefined || end !== undefined) {
      return source.read(file, start, end);
    }
    if (size <= PIECE_BYTES) {
      const bytes = await source.read(file);
      arrived(bytes.byteLength);
      return bytes;
    }
    const whole = new Uint8Array(size);
    let next = 0;
    const run = async (): Promise<void> => {
      while (next < size) {
        const from = next;
        next = Math.min(from + PIECE_BYTES, size);
        const piece = await source.read(file, from, next);
        whole.set(new Uint8Array(piece), from);
        arrived(piece.byteLength);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, run));
    return whole.buffer;
  }
  return { ...source, read };
}
