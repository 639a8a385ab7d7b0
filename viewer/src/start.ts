/** Starts the viewer in a page that has a setup. */
import type { PageSetup } from "./contract";
import { type MakeStage, mountViewer } from "./mount";
import { SourceError } from "./sources/error";
import { openSource } from "./sources/open";
import type { PointRenderer } from "./stage/index";
import { showFailure, staticPicture } from "./ui/start-screen";

/** The page's setup; null if the page has none. */
function readSetup(): PageSetup | null {
  const holder = document.querySelector('script[type="application/json"]#featscape');
  return holder ? JSON.parse(holder.textContent ?? "") : null;
}

/** The value of `?points=webgl` or `?points=cpu` in the page's address; "auto" without it. */
export function requestedPointRenderer(query: string): PointRenderer {
  const value = new URLSearchParams(query).get("points") ?? "auto";
  if (value !== "auto" && value !== "webgl" && value !== "cpu") {
    throw new SourceError(
      `The address asks for points=${value}. Use points=webgl, points=cpu or points=auto.`,
    );
  }
  return value;
}

/** Show the page's map, if the page has a setup. */
export async function startPage(makeStage: MakeStage): Promise<void> {
  const setup = readSetup();
  if (!setup) return;
  const root = document.createElement("div");
  root.className = "featscape";
  document.documentElement.classList.add("featscape-page");
  document.body.append(root);
  try {
    const source = await openSource(setup);
    document.title = source.manifest.title;
    const points = requestedPointRenderer(window.location.search);
    await mountViewer(root, source, { makeStage, points });
  } catch (error) {
    showFailure(root, error, { reloads: true, picture: staticPicture() });
  }
}
