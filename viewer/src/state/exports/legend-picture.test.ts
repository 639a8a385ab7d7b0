import { expect, it } from "vitest";
import { smallApp } from "../../testing/small-map";
import type { App } from "../app";
import { legendPainter } from "./legend-picture";

/** What the legend writes, each letter six pixels wide. */
async function written(app: App): Promise<string[]> {
  const texts: string[] = [];
  const paper = new Proxy({} as Record<string | symbol, unknown>, {
    get: (_, name) => {
      if (name === "measureText") return (text: string) => ({ width: 6 * text.length });
      if (name === "fillText") return (text: string) => texts.push(text.slice(1, -1)); // isolated
      if (name === "createLinearGradient") return () => ({ addColorStop: () => {} });
      return () => {};
    },
    set: () => true,
  });
  const paint = await legendPainter(app);
  paint?.(paper as unknown as CanvasRenderingContext2D, 2);
  return texts;
}

it("the drawn legend names the visible classes with their counts", async () => {
  const app = smallApp();
  expect(await written(app)).toEqual(["A small map", "3", "cat", "3", "dog"]);
  app.setFilter("label", { kind: "codes", hidden: new Set([0]) });
  expect(await written(app)).toEqual(["A small map", "3", "dog"]);
});

it("the drawn legend of numbers has a scale and explains gray", async () => {
  const app = smallApp();
  app.colorBy.value = "value";
  expect(await written(app)).toEqual(["value", "1", "5", "Gray: 1 without a value"]);
});

it("the drawn legend of a search for content has the scale of the probability", async () => {
  const app = smallApp();
  app.search.ended(Uint32Array.of(1), {
    recognized: 1,
    content: {
      ...{ query: "dog", measure: "probability", range: [0, 1] },
      ...{ items: Uint32Array.of(1), scores: new Float32Array(6) },
    },
  });
  expect(await written(app)).toEqual(["“dog”", "0%", "100%"]);
});
