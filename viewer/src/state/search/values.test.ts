import { afterEach, expect, it, vi } from "vitest";
import { NO_SPLIT, type NumberColumn } from "../../contract";
import { type SmallMap, settled, smallApp } from "../../testing/small-map";
import { runSearch } from "./search";

const DAY = 86_400;
const MARCH = Date.UTC(2026, 2, 10) / 1000;
// the column "value" has NaN, 1, 2, 3, 4, 5, and the labels are cat, dog, cat, dog, cat, dog
const MAP: SmallMap = {
  taken: [MARCH, MARCH + DAY, MARCH + 30 * DAY, Number.NaN, MARCH + DAY, MARCH + 400 * DAY],
  falseFriends: [0, 0.25, 0.664, 0.67, 1, 0.5],
  scenes: [20_260_501, 20_260_502, 20_260_503, 2 ** 53, 2 ** 50 + 1, 7],
};

let stop = () => {};
afterEach(() => stop());

async function searched(query: string, given: Parameters<typeof smallApp> = [MAP]) {
  const app = smallApp(...given);
  stop = runSearch(app);
  app.search.query.value = query;
  await settled(300);
  return app;
}

it.each([
  ["value:3", [3]],
  ["VALUE:3..4", [3, 4]],
  ["value:4..", [4, 5]],
  ["value:..1", [1]],
  ["taken:2026-03-11", [1, 4]],
  ["taken:2026-03", [0, 1, 4]],
  ["taken:2026-04..2027", [2, 5]],
  ["taken:2026-03-11 label:cat", [4]],
  ["dog value:1..3", [1, 3]],
  ["value:4 taken:2026", [4]],
  ["scene:20260501", [0]],
  ["scene:20260501..20260502", [0, 1]],
  ["scene:20260503..20260503", [2]],
  ["scene:1125899906842625..", [3, 4]],
  ["false_friends:67%", [3]],
  ["false_friends:66%", [2]],
  ["false_friends:0.25", [1]],
  ["false_friends:0..30", [0, 1]],
  ["false_friends:0..30%", [0, 1]],
  ["false_friends:0..0.3", [0, 1]],
  ["false_friends:0..1", [0, 1, 2, 3, 4, 5]],
  ["false_friends:60..", [2, 3, 4]],
  ["false_friends:..30", [0, 1]],
  ["false_friends:67", [3]],
  ["false_friends:100", [4]],
])("%s finds the items with the value", async (query, expected) => {
  const app = await searched(query);
  expect([...(app.search.matches.value ?? [])]).toEqual(expected);
  expect(app.search.hint.value).toBeNull();
});

it("finds the images without a split", async () => {
  const app = smallApp(MAP);
  for (const column of app.manifest.columns) {
    if (column.kind === "category" && column.name === "split") {
      Object.assign(column.categories[1] ?? {}, { name: NO_SPLIT });
    }
  }
  stop = runSearch(app);
  app.search.query.value = "split:none";
  await settled(300);
  expect([...(app.search.matches.value ?? [])]).toEqual([1, 3, 5]);
});

// in the column "split" item 1 has no value
it.each([
  ["value:none", [0]],
  ["value:\u22121..1", [1]],
  ["VALUE:None", [0]],
  ["taken:none", [3]],
  ["label:none", [4]],
  ["split:none", [1]],
  ["note:none", [1, 3, 5]],
  ["value:none label:cat", [0]],
  ["value:1 OR taken:none", [1, 3]],
  ["cat OR value:5", [0, 2, 5]],
  ["dog -value:3", [1, 5]],
  ["-dog", [0, 2, 4]],
  ["-label:none -value:1..3", [0, 5]],
  ['-"at night" OR value:3', [1, 2, 3, 4, 5]],
  ['"cat OR dog"', []],
  ["a --", []],
  ["-dog --", []],
])("%s finds the items", async (query, expected) => {
  const notes = ["at night", "", "by day", null, "at noon", null];
  const map = { ...MAP, codes: [1, 2, 1, 2, 0, 2], classes: ["(no label)", "cat", "dog"], notes };
  const app = await searched(query, [map]);
  expect([...(app.search.matches.value ?? [])]).toEqual(expected);
});

it("a column of which each image has a value has no image without", async () => {
  const app = await searched("label:none");
  expect(app.search.hint.value).toBe("Every item has a value in the column “label”.");
});

it("a value of several words is suggested in quotes, whatever its words find", async () => {
  const classes = ["class 1", "class 2"];
  const app = await searched("label:class 1", [{ ...MAP, classes }]);
  expect(app.search.suggestions.value).toEqual(['label:"class 1"']);
});

it("a category of the findings is found by the title of its column too", async () => {
  const app = smallApp(MAP);
  const { manifest } = app;
  const finding = { title: "copies", note: "A note.", is_share: false, threshold: null };
  const columns = manifest.columns.map((each) =>
    each.kind === "category" ? { ...each, finding } : each,
  );
  const abilities = { manifest: { ...manifest, columns } };
  for (const query of ["split:test", "copies:TEST"]) {
    const { search } = await searched(query, [MAP, abilities]);
    expect([...(search.matches.value ?? [])]).toEqual([3, 5]);
    stop();
  }
  const { search } = await searched("copies:tset", [MAP, abilities]);
  expect(search.hint.value).toContain("The values of “copies” are test, train.");
});

it.each([
  ["label suspicion:2..3", [2, 3]],
  ["Label Suspicion:3 dog", [3]],
  ["dog label suspicion:1..3", [1, 3]],
  ['"label suspicion":2..3', [2, 3]],
  ['"at label suspicion:2"', []],
])("%s names a column by a title with a space", async (query, expected) => {
  const app = smallApp(MAP);
  const { manifest } = app;
  const finding = { title: "label suspicion", note: "A note.", is_share: false, threshold: null };
  const columns = manifest.columns.map((each) =>
    each.name === "value" ? ({ ...each, finding } as NumberColumn) : each,
  );
  const { search } = await searched(query, [MAP, { manifest: { ...manifest, columns } }]);
  expect([...(search.matches.value ?? [])]).toEqual(expected);
});

it("the server searches only the rest of the query", async () => {
  const search = vi.fn(async () => Uint32Array.of(1, 2, 3)); // by id; the items are 4, 3, 2
  const app = await searched("ship value:3..5", [MAP, { search }]);
  expect(search).toHaveBeenCalledExactlyOnceWith("ship");
  expect([...(app.search.matches.value ?? [])]).toEqual([3, 4]);
});

it.each([
  [
    "value:9",
    "The values of “value” are from 1 to 5. Search for a range, such as value:1..5, or drag",
  ],
  ["value:many", "The values of “value” are from 1 to 5."],
  ["taken:1999", "from 2026-03-10 to 2027-04-14"],
  ["2026-03-11", "only texts are searched. Search for taken:2026-03-11."],
  ["5000", "Search for value:5000."],
  ["💥", "No text has all of these words and phrases."],
  ["()[]*", "No text has all of these words and phrases."],
  [
    "species:cat",
    "no column “species”. Its columns are path, label, note, split, value, taken, scene, false_friends. The labels are the column “label”: search for label:cat.",
  ],
])("%s finds nothing and explains how to search", async (query, hint) => {
  const app = await searched(query);
  expect(app.search.matches.value).toHaveLength(0);
  expect(app.search.hint.value).toContain(hint);
});
