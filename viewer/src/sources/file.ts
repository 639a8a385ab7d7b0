/** A single file without a network: the page contains the bundle's files as base64. */
import { MANIFEST, type PageSetup } from "../contract";
import type { Source } from "../source";
import { SourceError } from "./error";
import { parseManifest } from "./manifest";
import { truncated } from "./ranges";

/** Decode bytes `start` to `end` of a base64 text. */
export function decodeRange(text: string, start = 0, end = base64Length(text)): ArrayBuffer {
  const first = Math.floor(start / 3);
  const binary = atob(text.slice(first * 4, Math.ceil(end / 3) * 4));
  const skip = start - first * 3;
  const bytes = new Uint8Array(Math.max(end - start, 0));
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(skip + i);
  return bytes.buffer;
}

/** The number of bytes that a padded base64 text encodes. */
export function base64Length(text: string): number {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}

export async function openFile(setup: PageSetup, page: Document = document): Promise<Source> {
  const texts = new Map<string, string>();

  function text(file: string): string {
    let found = texts.get(file);
    if (found === undefined) {
      const holders = page.querySelectorAll<HTMLScriptElement>("script[data-file]");
      const holder = [...holders].find((script) => script.dataset["file"] === file);
      if (!holder) {
        throw new SourceError(
          `This page lacks ${file}: the page is incomplete. Copy the page again, or export the map again.`,
        );
      }
      found = (holder.textContent ?? "").trim();
      if (found.length % 4 !== 0) throw truncated(file);
      texts.set(file, found);
    }
    return found;
  }

  async function read(file: string, start?: number, end?: number): Promise<ArrayBuffer> {
    const base64 = text(file);
    if (Math.max(start ?? 0, end ?? 0) > base64Length(base64)) throw truncated(file);
    return decodeRange(base64, start, end);
  }

  return {
    manifest: parseManifest(await read(MANIFEST)),
    abilities: setup.abilities,
    notice: setup.notice,
    read,
  };
}
