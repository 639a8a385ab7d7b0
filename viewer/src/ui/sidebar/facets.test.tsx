// @vitest-environment happy-dom
import { render } from "preact";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { App } from "../../state/app";
import { syncStage } from "../../state/view/stage-sync";
import { SilentStage, settled, smallApp } from "../../testing/small-map";
import { AppContext } from "../context";
import { Facets } from "./Facets";
import { Legend } from "./Legend";

let root: HTMLElement;
let stop = () => {};

beforeEach(() => {
  root = document.createElement("div");
  document.body.append(root);
});

afterEach(() => {
  stop();
  render(null, root);
  root.remove();
});

async function shown(...args: Parameters<typeof smallApp>): Promise<App> {
  const app = smallApp(...args);
  app.stage = new SilentStage();
  stop = syncStage(app, app.stage);
  render(
    <AppContext.Provider value={app}>
      <Legend />
      <Facets />
    </AppContext.Provider>,
    root,
  );
  await settled();
  return app;
}

function chart(name: string): HTMLElement {
  const found = root.querySelector<HTMLElement>(`.fs-facet[aria-label=${name}]`);
  if (!found) throw new Error(`no chart ${name}`);
  return found;
}

/** Press the pointer on a bin of the column "value", which has five, and release it on another. */
async function drag(from: number, to: number): Promise<void> {
  const histogram = chart("value").querySelector(".fs-histogram") as HTMLElement;
  histogram.getBoundingClientRect = () => new DOMRect(0, 0, 100, 40);
  const send = (type: string, bin: number) =>
    histogram.dispatchEvent(
      new PointerEvent(type, { clientX: 20 * bin + 10, button: 0, bubbles: true }),
    );
  send("pointerdown", from);
  await settled();
  send("pointermove", to);
  await settled();
  send("pointerup", to);
  await settled();
}

const numbersOf = (name: string) =>
  [...chart(name).querySelectorAll(".fs-number")].map((each) => each.textContent);

it("each column that does not color the map has a chart", async () => {
  const app = await shown();
  const names = () =>
    [...root.querySelectorAll(".fs-facet")].map((each) => each.getAttribute("aria-label"));
  expect(names()).toEqual(["value", "split"]);
  app.colorBy.value = "split";
  await settled();
  expect(names()).toEqual(["label", "value"]);
});

it("a drag over a histogram filters, in either direction, and the other charts count", async () => {
  const app = await shown(); // value: NaN, 1, 2, 3, 4, 5; split: train, none, train, test, ...
  await drag(1, 3);
  expect(app.filters.value.get("value")).toEqual({ kind: "range", lower: 2, upper: 4 });
  expect(app.nShown.value).toBe(3);
  expect(numbersOf("split")).toEqual(["2 of 3", "1 of 2", "0 of 1"]);
  await drag(4, 2);
  expect(app.filters.value.get("value")).toEqual({ kind: "range", lower: 3, upper: 5 });
  expect(app.colorBy.value).toBe("label");
});

it("a click on a bar shows only its items, and a second click shows all", async () => {
  const app = await shown();
  await drag(2, 2);
  expect(app.filters.value.get("value")).toEqual({ kind: "range", lower: 3, upper: 3 });
  await drag(2, 2);
  expect(app.filters.value.size).toBe(0);
});

it("the bars count the items that the filters on other columns show", async () => {
  const app = await shown();
  const heights = () =>
    [...chart("value").querySelectorAll("rect")].slice(5).map((bar) => bar.getAttribute("height"));
  expect(heights()).toEqual(["1", "1", "1", "1", "1"]);
  app.setFilter("label", { kind: "codes", hidden: new Set([0]) }); // items 0, 2 and 4
  await settled();
  expect(heights()).toEqual(["1", "0", "1", "0", "1"]);
});

it("a handle moves to the next bin with items", async () => {
  const app = await shown();
  const [least, most] = chart("value").querySelectorAll<HTMLInputElement>("input");
  const move = async (handle: HTMLInputElement | undefined, value: number) => {
    if (!handle) throw new Error("no handle");
    handle.value = `${value}`;
    handle.dispatchEvent(new InputEvent("input", { bubbles: true }));
    await settled();
  };
  await move(least, 1);
  await move(most, 4);
  expect(app.filters.value.get("value")).toEqual({ kind: "range", lower: 2, upper: 4 });
  expect([least, most].map((each) => each?.getAttribute("aria-valuetext"))).toEqual(["2", "4"]);
  await move(least, 0);
  await move(most, 5);
  expect(app.filters.value.size).toBe(0);
});

it("the items without a label are no class in the number of classes", async () => {
  const app = await shown({ classes: ["cat", "(no label)"] });
  const head = () => root.querySelector(".fs-legend-head")?.textContent;
  expect(head()).toBe("1 class");
  app.setFilter("label", { kind: "codes", hidden: new Set([0]) });
  await settled();
  expect(head()).toContain("0 of 1 class shown");
});

it("a drag colors a map that has one color", async () => {
  const app = await shown({ classes: null });
  await drag(1, 3);
  expect(app.colorBy.value).toBe("value");
});

it("a closed chart is not read", async () => {
  const app = smallApp();
  const read: string[] = [];
  const column = app.items.column.bind(app.items);
  app.items.column = (name) => {
    read.push(name);
    return column(name);
  };
  app.openFacets.value = new Set(["split"]);
  stop = syncStage(app, new SilentStage());
  await settled();
  expect(new Set(read)).toEqual(new Set(["label", "split"]));
});
