/** What draws the map: see `../stage.ts` for what it can do. */
import type { Arrays } from "../bundle/arrays";
import type { Thumbnails } from "../bundle/thumbnails";
import type { Manifest } from "../contract";
import type { Stage, StageEvents, Theme } from "../stage";
import { MapStage } from "./map-stage";

export { NoWebGLError } from "./gl";

/** Draw a map in `element`. Throws a NoWebGLError where the browser has no WebGL2. */
export async function create(
  element: HTMLElement,
  manifest: Manifest,
  arrays: Arrays,
  thumbnails: Thumbnails,
  theme: Theme,
  events: StageEvents,
): Promise<Stage> {
  return new MapStage(element, manifest, arrays, thumbnails, theme, events);
}
