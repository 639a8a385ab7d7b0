// @vitest-environment happy-dom
import { expect, it, vi } from "vitest";
import { SourceError } from "../sources/error";
import type { Stage } from "../stage/index";
import { savePng } from "../state/exports/exports";
import { runSearch } from "../state/search/search";
import { button, press, root, shown } from "../testing/shown";
import { settled } from "../testing/small-map";

const PATHS = ["cat/1.png", "cat/2.png", "dog/3.png", "dog/4.png", "dog/5.png", "6.png"];
const FINDINGS = [
  { name: "labels", title: "Labels", listed: [{ items: [2] }, { items: [4] }] },
  { name: "leaks", title: "Leaks", listed: [{ items: [1] }] },
];

/** Search for `query`; the search has not ended. */
async function searching(query: string) {
  const { app } = await shown({ paths: PATHS, classes: null });
  const stop = runSearch(app);
  app.search.query.value = query;
  const ended = async () => {
    expect(app.search.running.value).toBe(true);
    await settled(300);
    stop();
  };
  return { app, ended };
}

it("each press of J and K before the search has ended moves in its list", async () => {
  const { app, ended } = await searching("dog");
  press("j");
  press("j");
  press("j");
  press("k");
  await ended();
  expect([app.panels.side.value, app.search.current]).toEqual(["found", 3]);
});

it("J before a new search has ended does not move in the list of the search before", async () => {
  const { app, ended } = await searching("cat");
  await settled(300);
  app.search.query.value = "dog";
  press("j");
  await ended();
  expect(app.search.current).toBe(2);
});

it("J and Enter before the search has ended open the first match", async () => {
  const { app, ended } = await searching("dog");
  press("j");
  press("Enter", document.body);
  await ended();
  expect(app.panels.item.value).toBe(2);
});

it("each press of N before the search has ended goes to a next match", async () => {
  const { app, ended } = await searching("dog");
  press("n");
  press("n");
  await ended();
  expect(app.panels.item.value).toBe(3);
});

it("Enter pressed twice before the search has ended leads to its first match", async () => {
  const { app, ended } = await searching("dog");
  const field = root.querySelector<HTMLInputElement>("[data-search]") as HTMLInputElement;
  press("Enter", field);
  press("Enter", field);
  await ended();
  expect(app.search.current).toBe(2);
});

it("Select before a new search has ended selects what the new search finds", async () => {
  const { app, ended } = await searching("cat");
  await settled(300);
  app.search.query.value = "dog";
  button("Select").click();
  await ended();
  expect([...app.selection.items.value]).toEqual([2, 3, 4]);
});

it("Select before a new search has ended keeps the selection if nothing is found", async () => {
  const { app, ended } = await searching("cat");
  await settled(300);
  app.select(Uint32Array.of(5));
  app.search.query.value = "no such text";
  button("Select").click();
  await ended();
  expect([...app.selection.items.value]).toEqual([5]);
});

it("J and Enter before the findings are read open the first finding", async () => {
  const { app } = await shown({ findings: FINDINGS });
  app.openFindings("labels");
  press("j");
  press("Enter", document.body);
  expect(app.findings.rows.value).toBeNull();
  await settled();
  expect(app.panels.item.value).toBe(2);
});

it("J before the findings are read moves in no other section", async () => {
  const { app } = await shown({ findings: FINDINGS });
  app.openFindings("labels");
  press("j");
  app.openFindings("leaks");
  await settled();
  expect([app.findings.section.value?.name, app.findings.at.value]).toEqual(["leaks", -1]);
});

/** Wait until the page is rendered, as it is before the next key, and no longer. */
async function rendered(): Promise<void> {
  for (let i = 0; i < 3; i++) await Promise.resolve();
}

it("the focus follows J through the list of a search before the next key", async () => {
  const { ended } = await searching("dog");
  await ended();
  press("j");
  press("j");
  await rendered();
  expect(document.activeElement?.closest("li")?.textContent).toContain("4.png");
});

it("the focus follows J through the sections before the next key", async () => {
  const { app } = await shown({ findings: FINDINGS });
  app.toggleFindings();
  await settled();
  press("j");
  press("j");
  await rendered();
  expect(document.activeElement?.closest("li")?.textContent).toContain("Leaks");
});

it("text typed directly after the search key goes into the field of a closed sidebar", async () => {
  const { app } = await shown();
  app.panels.sidebarOpen.value = false;
  await settled();
  press("/");
  await rendered();
  expect(document.activeElement?.matches("[data-search]")).toBe(true);
});

it("a path that is read late is not announced after the cursor has moved on", async () => {
  const { app } = await shown();
  const path = app.items.path.bind(app.items);
  vi.spyOn(app.items, "path").mockImplementation(async (item) => {
    if (item === 0) await settled(20);
    return path(item);
  });
  press("ArrowRight");
  press("ArrowRight");
  await settled(40);
  expect(app.messages.announcement.value).toBe("dog, a/2.png");
});

/** Show a map that takes 20 ms to read a column. */
async function slowColumns() {
  const found = await shown();
  const { app } = found;
  app.columns.value = new Map();
  const column = app.items.column.bind(app.items);
  vi.spyOn(app.items, "column").mockImplementation(async (name) => {
    await settled(20);
    return column(name);
  });
  return found;
}

it("A before the column of a filter is read selects what the filter shows", async () => {
  const { app } = await slowColumns();
  app.setFilter("split", { kind: "codes", hidden: new Set([0]) });
  press("a");
  await settled(200);
  expect([...app.selection.items.value]).toEqual([1, 3, 5]);
});

it("a picture that is saved before the column of its colors is read has these colors", async () => {
  const { app, calls } = await slowColumns();
  let codes: unknown;
  vi.spyOn(app.stage as Stage, "png").mockImplementation(() => {
    codes = (calls.get("colors") as { codes: number[] }).codes;
    return Promise.reject(new SourceError("no canvas in this test"));
  });
  app.colorMapBy("split");
  await savePng(app, 8, 6, true);
  expect(codes).toEqual([0, 65535, 0, 1, 0, 1]);
});

it("N goes to no match that a filter hides whose column is read late", async () => {
  const { app } = await shown({ paths: PATHS, classes: null });
  app.columns.value = new Map();
  const column = app.items.column.bind(app.items);
  let endReading = () => {};
  const reading = new Promise<void>((resolve) => {
    endReading = resolve;
  });
  vi.spyOn(app.items, "column").mockImplementation(async (name) => {
    if (name === "value") await reading;
    return column(name);
  });
  app.setFilter("value", { kind: "range", lower: 4, upper: 5 });
  const stop = runSearch(app);
  app.search.query.value = "dog";
  press("n");
  await settled(300);
  endReading();
  await settled();
  expect(app.panels.item.value).toBe(4);
  stop();
});
