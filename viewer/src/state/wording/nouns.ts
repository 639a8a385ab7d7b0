import type { Manifest } from "../../contract";

/** What the rows of a map are called: items, if the map has no images. */
export type Noun = "image" | "item";

export function nounOf({ thumbnails }: Manifest): Noun {
  return thumbnails.length > 0 ? "image" : "item";
}
