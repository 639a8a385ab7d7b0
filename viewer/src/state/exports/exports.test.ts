import { expect, it } from "vitest";
import { smallApp } from "../../testing/small-map";
import { selectionCsv } from "./exports";

it("integers above 2**24 keep all digits in the details and in the table of a selection", async () => {
  const scenes = [20_260_501, 2 ** 53, -(2 ** 53), 2 ** 50, 16_777_217, 7];
  const app = smallApp({ scenes });
  const shown: unknown[] = [];
  for (let item = 0; item < scenes.length; item++) {
    shown.push((await app.items.details(item)).columns["scene"]);
  }
  expect(shown).toEqual(scenes);
  const [header, ...rows] = (await selectionCsv(app, Uint32Array.of(0, 1, 2, 3, 4, 5)))
    .trim()
    .split("\r\n");
  const column = header?.split(",").indexOf("scene") ?? -1;
  const written = rows.map((row) => Number(row.split(",")[column]));
  expect(written.reverse()).toEqual(scenes); // the ids of the small map are in reverse order
});
