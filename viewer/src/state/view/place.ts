/** Places a new image on the map. */
import { SourceError } from "../../sources/error";
import { decodeRange } from "../../sources/file";
import type { App } from "../app";

const CANNOT =
  "This page cannot place new images, because placing needs the map's network. Open the map with “featscape serve” instead.";

export async function placeImage(app: App, image: File): Promise<void> {
  const { place, abilities } = app.source;
  if (!place) {
    app.messages.error.value = abilities.no_place ?? CANNOT;
    return;
  }
  await app.messages.during("Placing the image…", async () => {
    const { position, neighbors, thumbnail } = await place(image).catch((error) => {
      throw error instanceof SourceError
        ? new SourceError(`${image.name} cannot be placed. ${error.message}`)
        : error;
    });
    app.place({
      name: image.name,
      image: thumbnail === null ? image : new Blob([decodeRange(thumbnail)]),
      isCopy: thumbnail !== null,
      position,
      neighbors: app.items.neighborsOfIds(neighbors.ids, neighbors.distances),
    });
  });
}
