// @vitest-environment happy-dom
import { afterEach, expect, it } from "vitest";
import { DIMMED, FADED, MATCHED } from "../stage";
import { runSearch } from "../state/search/search";
import { button, press, root, shown } from "../testing/shown";
import { settled } from "../testing/small-map";

const PATHS = ["1.png", "2.png", "3.png", "4.png", "5.png", "6.png"];
const FINDINGS = [
  { name: "labels", title: "Label errors", listed: [{ items: [2] }, { items: [4] }] },
  { name: "reliability", layout: "texts" as const, title: "Map", listed: [{ text: "Good." }] },
];

let stop = () => {};
afterEach(() => stop());

/** A map with the section "labels" open, and a search for texts. */
async function withSection() {
  const { app, calls } = await shown({ findings: FINDINGS, paths: PATHS, classes: null });
  stop = runSearch(app);
  app.openFindings("labels");
  await settled();
  /** The bright items: "all" if no item is dimmed. */
  const bright = () => {
    const states = (calls.get("states") as number[] | null) ?? [];
    if (!states.some((state) => state & DIMMED)) return "all";
    return states.flatMap((state, item) => (state & MATCHED ? [item] : []));
  };
  const search = async (query: string) => {
    app.search.query.value = query;
    await settled(300);
  };
  return { app, calls, bright, search };
}

it("a search is highlighted and listed above an open section, which returns after the search", async () => {
  const { app, bright, search } = await withSection();
  expect(bright()).toEqual([2, 4]);
  await search("1.png");
  expect([app.panels.side.value, bright()]).toEqual(["found", [0]]);
  await search("");
  expect([app.panels.side.value, bright()]).toEqual(["findings", [2, 4]]);
  expect(app.findings.section.value?.name).toBe("labels");
});

it("a search that finds nothing dims no image while a section is open", async () => {
  const { app, bright, search } = await withSection();
  await search("no such text");
  expect([app.panels.side.value, bright()]).toEqual(["findings", "all"]);
  await search("6.png");
  await search("6.png no");
  expect([app.panels.side.value, bright()]).toEqual(["findings", "all"]);
  press("j"); // the newest action is about the findings
  await settled();
  expect(bright()).toEqual([2, 4]);
});

it("a section that is opened during a search is highlighted until the search changes", async () => {
  const { app, bright, search } = await withSection();
  await search("1.png");
  button("Label errors").click(); // the button at the edge of the map
  await settled();
  expect([app.panels.side.value, bright()]).toEqual(["findings", [2, 4]]);
  button("“1.png”").click();
  await settled();
  expect([app.panels.side.value, bright()]).toEqual(["found", [0]]);
  app.closePanel();
  expect([app.panels.side.value, bright()]).toEqual(["findings", [2, 4]]);
  await search("5.png");
  expect([app.panels.side.value, bright()]).toEqual(["found", [4]]);
});

it("a section that is opened before a search has ended stays open and highlighted", async () => {
  const { app, bright, search } = await withSection();
  const ended = search("1.png");
  app.openFindings("labels");
  await ended;
  expect([app.panels.side.value, bright()]).toEqual(["findings", [2, 4]]);
});

it("a section without images leaves the highlight of a search", async () => {
  const { app, bright, search } = await withSection();
  await search("1.png");
  app.openFindings("reliability");
  await settled();
  expect([app.panels.side.value, bright()]).toEqual(["findings", [0]]);
});

it("false friends are not faded while a search is highlighted", async () => {
  const { app, calls, search } = await withSection();
  app.columns.value = new Map([["false_friends", new Float32Array(6).fill(1)]]);
  app.findings.fadesFalseFriends.value = true;
  const isFaded = () => (calls.get("states") as number[]).every((state) => (state & FADED) !== 0);
  expect(isFaded()).toBe(true);
  await search("1.png");
  expect(isFaded()).toBe(false);
  await search("");
  expect(isFaded()).toBe(true);
});

it.each(["1.png", "no such text"])(
  "Escape leaves the field, then ends a search for %s, then leads back to all findings",
  async (query) => {
    const { app, bright, search } = await withSection();
    root.tabIndex = -1; // the stage of these tests
    const field = root.querySelector<HTMLInputElement>("[data-search]") as HTMLInputElement;
    field.focus();
    await search(query);
    press("Escape", field);
    expect(app.search.query.value).toBe(query);
    press("Escape");
    await settled();
    expect([app.search.query.value, app.panels.side.value]).toEqual(["", "findings"]);
    expect(bright()).toEqual([2, 4]);
    press("Escape");
    await settled();
    expect(app.lists.showsSections).toBe(true);
    press("Escape");
    expect(app.panels.side.value).toBeNull();
  },
);

it("Enter and J act on the search while its list covers a section", async () => {
  const { app, calls, search } = await withSection();
  press("j"); // the first finding
  await settled();
  app.search.query.value = "png";
  press("j"); // while the search runs: the first image that it finds
  await settled(300);
  expect([app.search.current, app.findings.at.value]).toEqual([0, 0]);
  expect(calls.get("focus")).toBe(0);
  await search("5.png");
  expect(calls.get("focus")).toBeNull();
  press("Enter", document.body); // the first image that the search finds, not the finding
  await settled();
  expect(app.panels.item.value).toBe(4);
  press("j"); // not the next finding
  expect([app.panels.item.value, app.findings.at.value]).toEqual([4, 0]);
  app.closePanel();
  app.closePanel();
  expect(app.panels.side.value).toBe("findings");
});
