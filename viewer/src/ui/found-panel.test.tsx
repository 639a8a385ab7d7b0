// @vitest-environment happy-dom
import { expect, it, vi } from "vitest";
import { SourceError } from "../sources/error";
import { DIMMED, MATCHED } from "../stage/index";
import { runSearch } from "../state/search/search";
import { press, root, shown } from "../testing/shown";
import { settled } from "../testing/small-map";

/** Of six items: class 7 is a dog, with a probability of 0.8 in item 3 and less in others. */
const WORDS = {
  terms: { dog: [7], dugong: [8], animal: [7, 8] },
  classes: [7, 1, 7, 1, 8, 1, 7, 1, 2, 7, 1, 2],
  probabilities: [0.3, 0.1, 0.05, 0, 0.9, 0, 0.8, 0, 0.5, 0.4, 0.9, 0],
};
const PATHS = ["1.png", "2.png", "3.png", "4.png", "5.png", "6.png"];

async function searched(query: string, words: typeof WORDS | null = WORDS) {
  const found = await shown({ ...(words && { words }), paths: PATHS, classes: null });
  const stop = runSearch(found.app);
  found.app.search.query.value = query;
  await settled(300);
  return { ...found, stop };
}

function listed(): string[] {
  return [...root.querySelectorAll(".fs-found > li")].map((row) => row.textContent ?? "");
}

it("a search for content opens a list of the best items with their probabilities", async () => {
  const { app, calls, stop } = await searched("dogs");
  expect(app.panels.side.value).toBe("found");
  const percents = [...root.querySelectorAll(".fs-found .fs-number")];
  expect(percents.map((each) => each.textContent)).toEqual(["80%", "40%", "30%"]);
  expect(calls.get("links")).toEqual({ from: null, to: [3, 4, 0] });
  stop();
});

const byLabel = () =>
  shown({ words: WORDS, paths: PATHS, classes: ["dog", "cat"], codes: [0, 0, 0, 0, 1, 1] });
const foundText = () => root.querySelector(".fs-search-found > span")?.textContent;
const groups = () =>
  [...root.querySelectorAll(".fs-found-groups .fs-note")].map((each) => each.textContent);

it("the list has the matches by text and then by content, with the counts of the sidebar", async () => {
  const { app, calls } = await byLabel();
  const stop = runSearch(app);
  app.search.query.value = "dog";
  await settled(300);
  expect(foundText()).toBe("4 by text, 1 by content");
  expect(groups()).toEqual([
    "4 by text, with the network's probability",
    "1 by content, with the network's probability",
  ]);
  expect(listed().map((row) => row.match(/\d\.png/)?.[0])).toEqual(
    [4, 1, 2, 3, 5].map((number) => `${number}.png`), // the most probable first, in each group
  );
  // items 0 and 3 match by text, and the network recognizes a dog in them too
  expect(listed().map((row) => row.match(/\d+%/)?.[0])).toEqual([
    "80%",
    "30%",
    undefined,
    undefined,
    "40%",
  ]);
  expect(calls.get("links")).toEqual({ from: null, to: [4] });
  app.columns.value = new Map(app.columns.value).set("value", await app.items.column("value"));
  app.setFilter("value", { kind: "range", lower: 3, upper: 5 });
  await settled();
  expect(foundText()).toBe("2 of 5 shown");
  expect(groups()).toEqual([
    "1 by text, with the network's probability",
    "1 by content, with the network's probability",
  ]);
  stop();
});

it("the labels color the map if most matches match by their texts", async () => {
  const { app, calls } = await byLabel();
  const stop = runSearch(app);
  app.search.query.value = "dog";
  await settled(300);
  const codes = () => (calls.get("colors") as { codes: number[] }).codes;
  expect(codes()).toEqual([0, 0, 0, 0, 1, 1]);
  expect((calls.get("states") as number[]).map((each) => each === MATCHED)).toEqual([
    true,
    true,
    true,
    true,
    true,
    false,
  ]);
  const select = root.querySelector<HTMLSelectElement>(".fs-color-by select") as HTMLSelectElement;
  select.value = "";
  select.dispatchEvent(new Event("change", { bubbles: true }));
  await settled();
  expect(codes()[3]).toBe(Math.floor(128 * 0.8));
  stop();
});

it("the list has the paths of the items", async () => {
  const { stop } = await searched("dogs");
  const paths = [...root.querySelectorAll(".fs-found .fs-path")];
  expect(paths.map((each) => each.textContent)).toEqual(["4.png", "5.png", "1.png"]);
  stop();
});

it("the probabilities color the map until the query ends or the user chooses a column", async () => {
  const { app, calls, stop } = await searched("dog");
  const codes = () => (calls.get("colors") as { codes: number[] }).codes;
  expect(codes()).toEqual([0.3, 0.05, 0, 0.8, 0.4, 0].map((each) => Math.floor(128 * each)));
  expect(root.querySelector(".fs-legend")?.textContent).toContain("“dog”");
  app.colorMapBy("split");
  await settled();
  expect(codes()).toEqual([0, 65535, 0, 1, 0, 1]);
  const select = root.querySelector<HTMLSelectElement>(".fs-color-by select");
  expect(select?.value).toBe("split");
  app.search.query.value = "";
  await settled();
  app.search.query.value = "animal";
  await settled(300);
  expect(codes()[2]).toBe(Math.floor(128 * 0.9));
  expect(select?.value).toBe("");
  stop();
});

it("J and K choose an item of the list, and Enter opens it above the list", async () => {
  const { app, calls, stop } = await searched("dog");
  press("j", document.body);
  press("j", document.body);
  await settled();
  expect(calls.get("focus")).toBe(4);
  expect(root.querySelector(".fs-found > li[aria-current]")?.textContent).toContain("40%");
  press("k", document.body);
  press("k", document.body);
  await settled();
  expect(app.search.current).toBe(0);
  root.querySelector<HTMLElement>("[aria-current] button")?.click();
  expect([app.panels.side.value, app.panels.item.value]).toEqual(["item", 0]);
  app.closePanel();
  expect(app.panels.side.value).toBe("found");
  stop();
});

it("J and K in an open image go to the images after and before it in the list", async () => {
  const { app, stop } = await searched("dog"); // 3, 4, 0
  app.goTo(4); // a click, without J before
  press("j");
  expect([app.panels.side.value, app.panels.item.value]).toEqual(["item", 0]);
  press("k");
  press("k");
  expect(app.panels.item.value).toBe(3);
  app.goTo(5); // a neighbor, which is not in the list
  press("j");
  expect(app.panels.item.value).toBe(4);
  app.closePanel();
  await settled();
  expect(root.querySelector(".fs-found > li[aria-current]")?.textContent).toContain("40%");
  stop();
});

it("the list follows the filters, and ends with the query", async () => {
  const { app, stop } = await searched("dog");
  app.columns.value = new Map(app.columns.value).set("value", await app.items.column("value"));
  app.setFilter("value", { kind: "range", lower: 4, upper: 5 });
  await settled();
  expect(listed()).toHaveLength(1);
  app.setFilter("value", { kind: "range", lower: 100, upper: 101 });
  await settled();
  expect(listed()).toHaveLength(0);
  const panel = root.querySelector(".fs-side");
  expect(panel?.textContent).toContain("The filters hide all items that the search found.");
  expect(panel?.textContent).not.toContain("Select 0 items");
  app.search.query.value = "";
  await settled();
  expect(app.panels.side.value).toBeNull();
  stop();
});

it("a search leaves an open panel, and a button leads to its list", async () => {
  const found = await shown({ words: WORDS, paths: PATHS, classes: null });
  const stop = runSearch(found.app);
  found.app.select(Uint32Array.of(2));
  found.app.search.query.value = "dog";
  await settled(300);
  expect(found.app.panels.side.value).toBe("selection");
  expect((found.calls.get("states") as number[])[3]).toBe(MATCHED);
  [...root.querySelectorAll<HTMLElement>(".fs-pill button")]
    .find((each) => each.textContent === "“dog”")
    ?.click();
  await settled();
  expect(listed()).toHaveLength(3);
  stop();
});

it.each([
  ["a red car", WORDS, "The words of the network lack “a”, “red” and “car”."],
  ["xqzwv", WORDS, "The words of the network lack “xqzwv”. Try a more general word, in English."],
  [
    "dugong dog",
    WORDS,
    "The network recognizes “dugong dog” in no image with a probability of 10 %.",
  ],
  ["x".repeat(201), WORDS, "Shorten the query."],
  ["dog", null, "No text has all of these words and phrases."],
  ["1.png", null, null],
  ['"dog"', WORDS, "No text has all of these words and phrases."],
  ["http://dog", WORDS, "No text has all of these words and phrases."],
  ["animal dgo", WORDS, "The words of the network lack “dgo”."],
  ["nocolumn:ship", null, "The search has no column “nocolumn”. Its columns are path, label, note"],
  ["label:ship", null, "This map has no labels."],
])("a search for %j that finds nothing explains why", async (query, words, hint) => {
  const { app, stop } = await searched(query, words);
  if (hint === null) expect(app.search.hint.value).toBeNull();
  else expect(root.querySelector("search")?.textContent).toContain(hint);
  stop();
});

it("in a map of images without words, the search explains how to make a map with words", async () => {
  const { app, stop } = await searched("", null);
  const pack = { ...app.manifest.strings, size_px: 32 };
  Reflect.set(app.source, "manifest", { ...app.manifest, thumbnails: [pack] });
  app.search.query.value = "dog";
  await settled(300);
  expect(app.search.hint.value).toContain("Make a map of the images with featscape map.");
  stop();
});

it("an unknown word suggests known words, and a click searches for one", async () => {
  const { app, stop } = await searched("animal dgo");
  const suggested = () => [...root.querySelectorAll<HTMLElement>(".fs-suggestions button")];
  expect(suggested().map((each) => each.textContent)).toEqual(["animal dog", "animal"]);
  suggested()[0]?.click();
  await settled(300);
  expect([...(app.search.content.value?.items ?? [])]).toEqual([3, 4, 0]);
  expect(suggested()).toEqual([]);
  app.search.query.value = '"dgo"'; // a phrase means texts
  await settled(300);
  expect(suggested()).toEqual([]);
  stop();
});

it("each of several unknown words is replaced if images match", async () => {
  const { app, stop } = await searched("anmial dgo");
  expect(app.search.suggestions.value).toEqual(["animal dog"]);
  for (const query of ["dugnog dgo", "a dgo", "dgo xqzwv"]) {
    app.search.query.value = query; // no image shows both, a word is short, or no word is close
    await settled(300);
    expect(app.search.suggestions.value).toEqual([]);
  }
  stop();
});

it("a known word that only texts contain is suggested", async () => {
  const words = { ...WORDS, terms: { ...WORDS.terms, kangaroo: [9], wombat: [9] } };
  const paths = ["mammals/Kangaroo.png", ...PATHS.slice(1)];
  const found = await shown({ words, paths, classes: null });
  const stop = runSearch(found.app);
  for (const [query, suggestions] of [
    ["kangoroo", ["kangaroo"]], // in the path of an image; the network recognizes none
    ["wombatt", []], // in no path
  ] as const) {
    found.app.search.query.value = query;
    await settled(300);
    expect(found.app.search.suggestions.value).toEqual(suggestions);
    expect(foundText()).toBe("Nothing found");
  }
  stop();
});

it.each([[WORDS], [null]])(
  "a label that is spelled like an unknown word is suggested",
  async (words) => {
    const classes = ["Striped", "plain"];
    const map = { ...(words && { words }), paths: PATHS, classes, codes: [0, 0, 0, 0, 1, 1] };
    const { app } = await shown(map);
    const stop = runSearch(app);
    for (const [query, suggestions] of [
      ["strpied", ["striped"]],
      ["stripd", ["striped"]],
      ["strip", []], // a part of the label
    ] as const) {
      app.search.query.value = query;
      await settled(300);
      expect(app.search.suggestions.value).toEqual(suggestions);
    }
    stop();
  },
);

it("a search that finds nothing dims no image", async () => {
  const { app, calls, stop } = await searched("dog");
  const states = () => [...((calls.get("states") as Uint8Array | null) ?? [])];
  expect(states().some((each) => each & DIMMED)).toBe(true);
  app.search.query.value = "xqzwv";
  await settled(300);
  expect(states().some((each) => each & DIMMED)).toBe(false);
  expect(foundText()).toBe("Nothing found");
  stop();
});

it.each([
  ["value:3..5", "3 by value"],
  ["cat value:3..5", "2 by text and value"],
  ["label:cat", "2 by text"],
])("the list of %s says what was compared", async (query, note) => {
  const { app } = await byLabel();
  const stop = runSearch(app);
  app.search.query.value = query;
  await settled(300);
  expect(groups()).toEqual([note]);
  stop();
});

it("a search that matches only texts opens the list, without probabilities", async () => {
  const { app, calls, stop } = await searched("1.png", null);
  expect(app.panels.side.value).toBe("found");
  expect(groups()).toEqual(["1 by text"]);
  expect(listed()[0]).toContain("1.png");
  expect(root.querySelectorAll(".fs-found .fs-bar")).toHaveLength(0);
  expect(calls.get("links")).toEqual({ from: null, to: [] });
  app.closePanel();
  await settled();
  expect(root.querySelector(".fs-pill")?.textContent).toBe("“1.png”");
  app.panels.show("found");
  app.search.query.value = "no such text";
  await settled(300);
  expect(app.panels.side.value).toBeNull();
  stop();
});

it("the known words of a free text are suggested", async () => {
  const { app, stop } = await searched("a red dog");
  expect(app.search.suggestions.value).toEqual(["dog"]);
  stop();
});

it("with a text tower, every image is colored by its similarity and no image is dimmed", async () => {
  const content = vi.fn(async () => Float32Array.of(0.3, 0.1, 0.2, 0.15, 0.25, 0.2)); // by id
  const { app, calls } = await shown({ paths: PATHS, classes: null }, { content });
  const stop = runSearch(app);
  app.search.query.value = "a red car";
  await settled(300);
  expect(content).toHaveBeenCalledExactlyOnceWith("a red car");
  expect([...(app.search.content.value?.items ?? [])]).toEqual([5, 1, 0, 3, 2, 4]); // ids descend
  expect(listed()[0]).toContain("0.30");
  const { codes } = calls.get("colors") as { codes: number[] };
  expect([codes[5], codes[4]]).toEqual([127, 0]);
  expect((calls.get("states") as number[] | null)?.some((each) => each & DIMMED) ?? false).toBe(
    false,
  );
  app.search.query.value = "x".repeat(201);
  await settled(300);
  expect(content).toHaveBeenCalledOnce();
  stop();
});

it("the texts are searched even if the text tower fails", async () => {
  const content = () => Promise.reject(new SourceError("No weights."));
  const { app } = await shown({ paths: PATHS, classes: null }, { content });
  const stop = runSearch(app);
  app.search.query.value = "3.png";
  await settled(300);
  expect([...(app.search.matches.value ?? [])]).toEqual([2]);
  expect(app.messages.error.value).toBe("No weights.");
  stop();
});

it("Enter in the search field leads to the list, and Escape first leaves the field", async () => {
  const { app, stop } = await searched("dog");
  const field = root.querySelector<HTMLInputElement>("[data-search]") as HTMLInputElement;
  root.tabIndex = -1; // the stage of these tests
  field.focus();
  press("Escape", field);
  expect([document.activeElement === field, app.search.query.value]).toEqual([false, "dog"]);
  app.closePanel();
  field.focus();
  app.search.query.value = "dogs";
  press("Enter", field); // while the search runs
  expect(document.activeElement).toBe(field);
  await settled(300);
  expect([app.panels.side.value, app.search.current]).toEqual(["found", 3]);
  expect(document.activeElement?.closest("li")?.textContent).toContain("80%");
  press("j", document.activeElement as HTMLElement);
  expect([app.search.query.value, app.search.current]).toEqual(["dogs", 4]);
  press("Escape", document.activeElement as HTMLElement);
  expect(app.search.query.value).toBe("");
  stop();
});

it("Enter stays in the field of a search that finds nothing", async () => {
  const { stop } = await searched("xqzwv");
  const field = root.querySelector<HTMLInputElement>("[data-search]") as HTMLInputElement;
  field.focus();
  press("Enter", field);
  expect(document.activeElement).toBe(field);
  stop();
});

it("an unknown word with few matches inside of words suggests known words", async () => {
  const found = await shown({
    ...{ words: WORDS, classes: ["bad_dgood", "cat"], codes: [0, 0, 1, 1, 1, 1] },
    paths: PATHS,
  });
  const stop = runSearch(found.app);
  const searchFor = async (query: string) => {
    found.app.search.query.value = query;
    await settled(300);
    const suggested = [...root.querySelectorAll(".fs-suggestions button")];
    return [foundText(), ...suggested.map((each) => each.textContent)];
  };
  expect(await searchFor("dgo")).toEqual(["2 found", "dog"]);
  expect(await searchFor("_dgo")).toEqual(["2 found"]);
  stop();
});
