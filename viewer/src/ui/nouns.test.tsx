// @vitest-environment happy-dom
/** The texts of the page name images only in a map of images. */
import { expect, it } from "vitest";
import { columnNote } from "../state/filters/columns";
import type { Noun } from "../state/wording/nouns";
import { root, shown } from "../testing/shown";
import { settled } from "../testing/small-map";

const TYPICAL = { text: "Typical.", items: [0, 1, 2], n_items: 3 };
const FINDINGS = [
  { name: "off", layout: "items" as const, listed: [{ ...TYPICAL, neighbors: [1, 2] }] },
  { name: "exemplars", layout: "groups" as const, listed: [TYPICAL] },
  { name: "copies", layout: "pairs" as const, listed: [TYPICAL] },
];

/** The texts, titles and labels of the page, while nothing, each section and the help is open. */
async function textsOf(noun: Noun): Promise<string> {
  const { app } = await shown({ findings: FINDINGS });
  const pack = { ...app.manifest.strings, size_px: 32 };
  const thumbnails = noun === "image" ? [pack] : [];
  Reflect.set(app.source, "manifest", { ...app.manifest, thumbnails });
  const texts: string[] = [columnNote(app.manifest, "agreement") ?? ""];
  const read = async () => {
    await settled();
    const labels = [...root.querySelectorAll("[title], [aria-label]")].map(
      (each) => `${each.getAttribute("title")} ${each.getAttribute("aria-label")}`,
    );
    texts.push(root.textContent ?? "", ...labels);
  };
  await read();
  for (const { name } of FINDINGS) {
    app.openFindings(name);
    await read();
  }
  app.panels.helpOpen.value = true;
  await read();
  return texts.join("\n");
}

it("a map without images has items", async () => {
  const texts = await textsOf("item");
  expect(texts.match(/.{0,30}\bimages?\b.{0,30}/i)).toBeNull();
  for (const words of ["Click an item", "Nearest items", "Other items", "its items (f)"])
    expect(texts).toContain(words);
});

it("a map of images has images", async () => {
  const texts = await textsOf("image");
  for (const words of ["Click an image", "Nearest images", "Other images", "opened images"])
    expect(texts).toContain(words);
});
