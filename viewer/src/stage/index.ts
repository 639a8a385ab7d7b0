/** The stage's public interface. Code outside this folder imports nothing else of it. */
import type { Arrays } from "../bundle/arrays";
import type { Thumbnails } from "../bundle/thumbnails";
import type { Manifest } from "../contract";
import { MapStage } from "./map-stage";
import type { PointRenderer, Stage, StageEvents, Theme } from "./stage";

export { NoWebGLError } from "./gl";
export * from "./stage";

/** Draw a map in `element`. Throws a NoWebGLError if the browser has no WebGL 2. */
export async function create(
  element: HTMLElement,
  manifest: Manifest,
  arrays: Arrays,
  thumbnails: Thumbnails,
  theme: Theme,
  events: StageEvents,
  points: PointRenderer,
): Promise<Stage> {
  return new MapStage(element, manifest, arrays, thumbnails, theme, events, points);
}
