import { expect, it } from "vitest";
import { smallApp } from "../../testing/small-map";
import { checksCsv, selectionCsv } from "./exports";

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

const HEADER = "path,label,checked_label";

it("the table has the checked labels of the map and of the browser, which take precedence", async () => {
  const app = smallApp({ checked: [null, "dog", "=cat", null, "dog", null] }); // cat, dog, cat, …
  app.checks.check([2, 3], "bird");
  expect((await checksCsv(app)).trimEnd().split("\r\n")).toEqual([
    HEADER,
    "Ü/5.png,cat,dog", // the ids of the small map are in reverse order
    "b/4.png,dog,bird",
    "b/3.png,cat,bird",
    "a/2.png,dog,dog",
  ]);
  const unchecked = smallApp();
  expect(await checksCsv(unchecked)).toBe(`${HEADER}\r\n`);
});

it.each([
  ["split", ["test", "train", "test", "train", "train"]], // item 1 has no split
  ["value", ["5", "4", "3", "2", "1"]], // item 0 has no value
])("the table has the checked labels of a column like %s", async (name, expected) => {
  const { items } = smallApp();
  const columns = items.manifest.columns.map((column) =>
    column.name === name ? { ...column, name: "checked_label" } : column,
  );
  const manifest = { ...items.manifest, columns };
  const app = smallApp({}, { manifest });
  const rows = (await checksCsv(app)).trimEnd().split("\r\n").slice(1);
  expect(rows.map((row) => row.split(",")[2])).toEqual(expected);
});
