/** Reads byte ranges of files over HTTP. */
import { NoAnswerError, SourceError } from "./error";

const PAUSES_MS = [300, 1200]; // before the second and the third attempt
const CHANGED = 409; // featscape's answer for a map that was made again
const BUSY_OR_GONE = [502, 503, 504]; // a proxy's answers for a server that is down

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Call fetch, and repeat the call twice if the network fails or the server is busy. */
export async function request(url: string, init: RequestInit = {}): Promise<Response> {
  for (let attempt = 0; ; attempt++) {
    const wait = PAUSES_MS[attempt];
    const response = await fetch(url, init).catch(() => null);
    if (response && !BUSY_OR_GONE.includes(response.status)) return response;
    if (wait === undefined) {
      throw new NoAnswerError(
        "The server does not answer. Check that the server is running, and reload the page.",
      );
    }
    await pause(wait);
  }
}

/** Reads ranges of the files under one URL. */
export class RangeReader {
  // Whole files, cached for servers that do not support ranges.
  private readonly whole = new Map<string, Promise<ArrayBuffer>>();

  constructor(private readonly base: string) {}

  async read(file: string, start = 0, end?: number): Promise<ArrayBuffer> {
    if (end !== undefined && end <= start) return new ArrayBuffer(0);
    const known = this.whole.get(file);
    if (known) return cut(file, await known, start, end);
    const init: RequestInit = {};
    if (start > 0 || end !== undefined) {
      init.headers = { Range: `bytes=${start}-${end === undefined ? "" : end - 1}` };
      // From stored ranges, Chromium returns too few bytes on a later visit.
      init.cache = "no-store";
    }
    const response = await request(this.base + file, init);
    if (response.status === 416) throw truncated(file);
    if (response.status === CHANGED) {
      throw new SourceError(
        "The map has changed since the server opened the map. Restart featscape serve, or run the cell of the notebook again.",
      );
    }
    if (!response.ok) {
      throw new SourceError(
        `The map's file ${file} cannot be read: the server answers ${response.status}. Reload the page, or make the map again.`,
      );
    }
    const ranged = init.headers !== undefined && response.status !== 206;
    const other = ranged && this.whole.get(file);
    if (other) {
      // requested at the same time
      await response.body?.cancel();
      return cut(file, await other, start, end);
    }
    const body = response.arrayBuffer().catch(() => {
      throw new SourceError(`The connection broke while reading ${file}. Reload the page.`);
    });
    if (response.status !== 206) {
      if (ranged) this.whole.set(file, body);
      if (ranged) body.catch(() => this.whole.delete(file)); // a later call reads again
      return cut(file, await body, start, end);
    }
    const bytes = await body;
    if (end !== undefined && bytes.byteLength !== end - start) throw truncated(file);
    return bytes;
  }
}

function cut(file: string, bytes: ArrayBuffer, start: number, end?: number): ArrayBuffer {
  if (start === 0 && (end === undefined || end === bytes.byteLength)) return bytes;
  if (start > bytes.byteLength || (end ?? 0) > bytes.byteLength) throw truncated(file);
  return bytes.slice(start, end);
}

export function truncated(file: string): SourceError {
  return new SourceError(
    `The map's file ${file} is incomplete. Copy the map again, or make the map again.`,
  );
}
