/** Starts the viewer in the page that carries it. */
import type { PageSetup } from "./contract";
import { type MakeStage, mountViewer } from "./mount";
import { openSource } from "./sources/open";
import { showFailure, staticPicture } from "./ui/start-screen";

/** What a page says of itself; null where this module was loaded into a page of others. */
function readSetup(): PageSetup | null {
  const holder = document.querySelector('script[type="application/json"]#featscape');
  return holder ? JSON.parse(holder.textContent ?? "") : null;
}

/** Show the page's map; nothing where the page has none. */
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
    await mountViewer(root, source, { makeStage });
  } catch (error) {
    showFailure(root, error, { reloads: true, picture: staticPicture() });
  }
}
