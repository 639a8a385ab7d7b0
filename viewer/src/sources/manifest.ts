import { FORMAT, type Manifest, VERSION } from "../contract";
import { SourceError } from "./error";

/** Parse the manifest. Throws a SourceError if this viewer does not read its version. */
export function parseManifest(bytes: ArrayBuffer): Manifest {
  let manifest: Manifest;
  try {
    manifest = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new SourceError(
      "The map's manifest.json is not valid JSON; the file may be incomplete. Make the map again.",
    );
  }
  if (manifest?.format !== FORMAT || manifest.version !== VERSION) {
    throw new SourceError(
      `This page reads maps of format ${FORMAT} ${VERSION}; got ${manifest?.format} ${manifest?.version}. Make the map and the page with the same version of featscape.`,
    );
  }
  // absent in bundles of an older featscape
  const { names = [], regions = [], words = null, vectors = null } = manifest;
  const shown = regions.map((region) => ({ ...region, image: region.image ?? null }));
  return { ...manifest, names, regions: shown, words, vectors };
}
