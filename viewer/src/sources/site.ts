/** A folder on any web server, without an API. */
import { MANIFEST, type PageSetup } from "../contract";
import type { Source } from "../source";
import { parseManifest } from "./manifest";
import { RangeReader } from "./ranges";

export function folder(address: string): string {
  return address.endsWith("/") ? address : `${address}/`;
}

export async function openSite(setup: PageSetup): Promise<Source> {
  const reader = new RangeReader(folder(setup.data));
  return {
    manifest: parseManifest(await reader.read(MANIFEST)),
    abilities: setup.abilities,
    notice: setup.notice,
    read: (file, start, end) => reader.read(file, start, end),
  };
}
