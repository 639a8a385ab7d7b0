/** The stage's public interface. Code outside this folder imports nothing else of it. */
import { MapStage } from "./map-stage";
import type { Stage, StageOptions } from "./stage";

export { NoWebGLError } from "./gl";
export { isolated } from "./names/isolated";
export * from "./stage";

/** Draw a map in an element. Throws a NoWebGLError if the browser has no WebGL 2. */
export async function create(options: StageOptions): Promise<Stage> {
  return new MapStage(options);
}
