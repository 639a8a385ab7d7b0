// @vitest-environment happy-dom
import { expect, it } from "vitest";
import { settled, smallApp } from "../../testing/small-map";
import { checksCsv } from "../exports/exports";
import { watchChecks } from "./checks";

function storage(full = false) {
  const kept = new Map<string, string>();
  const getItem = (key: string) => kept.get(key) ?? null;
  const setItem = (key: string, text: string) => {
    if (full) throw new Error("the quota is exceeded");
    kept.set(key, text);
  };
  return { kept, getItem, setItem };
}

it("checked labels are read again by the same map, and left out where the label has changed", () => {
  const store = storage();
  const { checks } = smallApp({ digest: "abc", storage: store }); // the classes are cat, dog, cat, …
  checks.check([0, 2], "bird");
  checks.check([1], "dog");
  checks.check([2], null);
  const again = smallApp({ digest: "abc", storage: store }).checks;
  again.read();
  expect([...again.labels.value]).toEqual([
    [0, "bird"],
    [1, "dog"],
  ]);
  const relabeled = smallApp({ digest: "abc", storage: store, codes: [1, 1, 0, 0, 0, 0] }).checks;
  relabeled.read();
  expect([...relabeled.labels.value]).toEqual([[1, "dog"]]);
  const other = smallApp({ digest: "abd", storage: store }).checks;
  other.read();
  expect(other.labels.value.size).toBe(0);
});

it("a checked label of the map takes precedence over the check that the browser keeps", async () => {
  const store = storage();
  const { checks } = smallApp({ digest: "abc", storage: store }); // the classes are cat, dog, cat, …
  checks.check([0, 2, 4], "bird");
  checks.check([1], "dog");
  const checked = ["cat", "dog", null, null, "dog", null]; // that of item 4 is not its label
  const app = smallApp({ digest: "abc", storage: store, checked });
  const stop = watchChecks(app);
  await settled();
  expect([...app.checks.labels.value.keys()]).toEqual([2, 4]);
  expect(app.messages.note.value).toBe(
    "1 check was removed, because the map has another checked label of the item.",
  );
  const labels = (await checksCsv(app)).trimEnd().split("\r\n").slice(1);
  expect(labels.map((row) => row.split(",")[2])).toEqual(["bird", "bird", "dog", "cat"]);
  expect(JSON.parse([...store.kept.values()][0] ?? "")).toHaveLength(2);
  stop();
});

it("a check that the map confirms is removed without a message", async () => {
  const store = storage();
  smallApp({ digest: "abc", storage: store }).checks.check([0], "dog");
  const checked = ["dog", null, null, null, null, null];
  const app = smallApp({ digest: "abc", storage: store, checked, codes: [1, 1, 0, 1, 0, 1] });
  const stop = watchChecks(app);
  await settled();
  expect(app.checks.labels.value.size).toBe(0);
  expect(app.messages.note.value).toBeNull();
  expect([...store.kept.values()]).toEqual(["[]"]);
  stop();
});

it("checks of an earlier version of the map are found by path and label, and added", async () => {
  const store = storage();
  const early = smallApp({ digest: "abc", storage: store }); // cat, dog, cat, …
  early.check([0, 1, 2], "bird");
  early.check([3, 4], "fish");
  await settled();
  const map = {
    digest: "abd",
    storage: store,
    paths: ["new.png", "b/4.png", "b/3.png", "a/2.png", "a/1.png"], // without Ü/5.png
    codes: [0, 1, 0, 0, 0], // a/2.png has another label
    checked: [null, null, "cat", null, null], // of b/3.png
  };
  const { checks } = smallApp(map);
  checks.read();
  checks.check([0], "dog");
  await checks.findEarlier();
  expect([...checks.earlier.value.keys()].sort()).toEqual([1, 4]);
  checks.addEarlier();
  const again = smallApp(map).checks;
  again.read();
  await again.findEarlier();
  expect([checks, again].map(({ earlier }) => earlier.value.size)).toEqual([0, 0]);
  expect([...again.labels.value].sort()).toEqual([
    [0, "dog"],
    [1, "fish"],
    [4, "bird"],
  ]);
  const back = smallApp({ digest: "abc", storage: store }).checks;
  back.read();
  expect([...back.labels.value.keys()]).toEqual([1, 2, 4]); // those that were not added
});

it("the number of earlier checks and the added checks leave out labels that were checked since", async () => {
  const store = storage();
  const early = smallApp({ digest: "abc", storage: store });
  early.check([1, 2], "dog");
  await settled();
  const { checks } = smallApp({ digest: "abd", storage: store });
  checks.read();
  await checks.findEarlier();
  expect([...checks.earlier.value.keys()]).toEqual([1, 2]);
  checks.check([2], "bird");
  expect([...checks.earlier.value.keys()]).toEqual([1]);
  smallApp({ digest: "abd", storage: store }).checks.check([2], "fish"); // in another tab
  checks.addEarlier();
  expect([...checks.labels.value].sort()).toEqual([
    [1, "dog"],
    [2, "fish"],
  ]);
});

it("a check whose path was not read before the page was closed gets its path at the next visit", async () => {
  const store = storage();
  smallApp({ digest: "abc", storage: store }).checks.check([0], "dog");
  expect([...store.kept.values()][0]).not.toContain("a/1.png");
  const stop = watchChecks(smallApp({ digest: "abc", storage: store }));
  await settled();
  expect([...store.kept.values()][0]).toContain("a/1.png");
  stop();
});

it("checks that the browser cannot keep or read are reported", () => {
  const { checks } = smallApp({ digest: "abc", storage: storage(true) });
  expect(() => checks.check([0], "bird")).toThrow("no room for the checked labels");
  expect(() => checks.check([1], "bird")).toThrow("no room for the checked labels");
  expect([...checks.labels.value.keys()]).toEqual([0, 1]);
  const store = storage();
  store.kept.set("featscape-checks:A small map", "[1");
  const damaged = smallApp({ digest: "abc", storage: store }).checks;
  expect(() => damaged.read()).toThrow("cannot be read. Check the labels again.");
  expect(damaged.labels.value.size).toBe(0);
  damaged.check([0], "bird");
  const again = smallApp({ digest: "abc", storage: store }).checks;
  again.read();
  expect([...again.labels.value]).toEqual([[0, "bird"]]);
});

it.each([
  ["a damaged text", () => "[1"],
  [
    "a blocked storage",
    () => {
      throw new Error("the storage is blocked");
    },
  ],
])(
  "the table has all checked labels with %s, and leaves the checks unchanged",
  async (_, getItem) => {
    const checked = ["cat", null, null, null, null, null]; // the label of item 0
    const app = smallApp({ digest: "abc", storage: { ...storage(true), getItem }, checked });
    expect(() => app.checks.check([0, 1], "bird")).toThrow("Save the table.");
    const rows = (await checksCsv(app)).trimEnd().split("\r\n").slice(1);
    expect(rows.map((row) => row.split(",").slice(1))).toEqual([
      ["dog", "bird"],
      ["cat", "cat"], // the checked label of the map is newer
    ]);
    expect([...app.checks.labels.value.keys()]).toEqual([0, 1]);
  },
);

it("without a digest, the checks are those of this visit", () => {
  const store = storage();
  const { checks } = smallApp({ digest: null, storage: store });
  checks.check([0], "bird");
  checks.check([1], "dog");
  expect([...checks.labels.value.keys()]).toEqual([0, 1]);
  expect(store.kept.size).toBe(0);
});

it("checks of other tabs appear, and disappear when another tab removes them", () => {
  const store = storage();
  const app = smallApp({ digest: "abc", storage: store });
  const stop = watchChecks(app);
  const changed = (key: string | null) =>
    window.dispatchEvent(Object.assign(new Event("storage"), { key }));
  smallApp({ digest: "abc", storage: store }).checks.check([0], "bird");
  changed("featscape-checks:other map");
  expect(app.checks.labels.value.size).toBe(0);
  changed("featscape-checks:A small map");
  expect([...app.checks.labels.value]).toEqual([[0, "bird"]]);
  store.kept.clear();
  changed(null);
  expect(app.checks.labels.value.size).toBe(0);
  stop();
});
