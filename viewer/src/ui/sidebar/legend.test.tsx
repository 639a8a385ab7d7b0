// @vitest-environment happy-dom
import { expect, it, vi } from "vitest";
import { FADED, HIDDEN } from "../../stage/index";
import type { App } from "../../state/app";
import { button, press, root, shown } from "../../testing/shown";
import { settled } from "../../testing/small-map";

function rows(): HTMLElement[] {
  return [...root.querySelectorAll<HTMLElement>("[aria-label=Legend] .fs-legend-row")];
}

function hidden(app: App): number[] {
  const filter = app.filters.value.get("label");
  return filter?.kind === "codes" ? [...filter.hidden] : [];
}

it("a click in the legend hides a class, a double click isolates it, and Show all restores all", async () => {
  const { app } = await shown({ classes: ["cat", "dog", "eel"] });
  rows()[1]?.click();
  await settled();
  expect(hidden(app)).toEqual([1]);
  expect(rows()[1]?.getAttribute("aria-selected")).toBe("false");
  rows()[0]?.dispatchEvent(new MouseEvent("dblclick", { bubbles: true }));
  await settled();
  expect(hidden(app)).toEqual([1, 2]);
  button("Show all").click();
  expect(hidden(app)).toEqual([]);
});

it("a click on the title opens the closed legend", async () => {
  const { app } = await shown({});
  app.panels.sidebarOpen.value = false;
  await settled();
  const title = root.querySelector<HTMLElement>(".fs-sidebar-closed .fs-ellipsis");
  title?.click();
  expect(app.panels.sidebarOpen.value).toBe(true);
});

it("the keyboard operates the legend", async () => {
  const { app } = await shown({ classes: ["cat", "dog", "eel"] });
  const list = root.querySelector("[role=listbox]") as HTMLElement;
  press("ArrowDown", list);
  await settled();
  press(" ", list);
  await settled();
  expect(hidden(app)).toEqual([1]);
  press("End", list);
  await settled();
  press("Enter", list);
  expect(hidden(app)).toEqual([0, 1]);
  const active = list.getAttribute("aria-activedescendant") as string;
  expect(document.getElementById(active)?.textContent).toContain("eel");
});

it("the legend of 5,000 classes renders only the visible rows, and text filters it", async () => {
  const names = Array.from({ length: 5000 }, (_, i) => `class ${i}`);
  await shown({ classes: names });
  expect(rows().length).toBeGreaterThan(5);
  expect(rows().length).toBeLessThan(60);
  const field = root.querySelector<HTMLInputElement>("[aria-label='Filter the list of label']");
  if (!field) throw new Error("no field");
  field.value = "CLASS 4321";
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  await settled();
  expect(rows().map((row) => row.querySelector("[dir=auto]")?.textContent)).toEqual(["class 4321"]);
});

it.each([[null], [["only"]]])(
  "the viewer renders without a legend or with one class: %j",
  async (classes) => {
    const { app } = await shown({ classes });
    expect(rows()).toHaveLength(classes?.length ?? 0);
    expect(root.querySelector("h1")?.textContent).toBe("A small map");
    app.panels.openItem(0);
    await settled();
    expect(root.querySelector(".fs-side")?.textContent).toContain("a/1.png");
  },
);

it("a number filter stays, and is named, while another column colors the map", async () => {
  const { app } = await shown();
  app.colorBy.value = "value";
  await settled();
  expect(root.querySelector(".fs-scale-note")?.textContent).toBe("Gray: 1 without a value");
  const [least] = root.querySelectorAll<HTMLInputElement>("input[type=range]");
  if (!least) throw new Error("no range");
  least.value = "2"; // bins of 1, 2, 3, ...
  least.dispatchEvent(new InputEvent("input", { bubbles: true }));
  expect(app.filters.value.get("value")).toEqual({ kind: "range", lower: 3, upper: 5 });
  app.colorBy.value = "label";
  app.toggleFacet("value");
  await settled();
  const chip = root.querySelector<HTMLButtonElement>(".fs-chip");
  expect(chip?.textContent).toBe("value3 – 5");
  chip?.click();
  expect(app.filters.value.size).toBe(0);
});

it("a section of the legend that is opened scrolls into view", async () => {
  await shown();
  const scrolled: Element[] = [];
  const scroll = vi.spyOn(Element.prototype, "scrollIntoView").mockImplementation(function (
    this: Element,
  ) {
    scrolled.push(this);
  });
  root.querySelector<HTMLElement>(".fs-about summary")?.click();
  root.querySelector<HTMLElement>(".fs-facet-toggle")?.click();
  await settled(50);
  expect(scrolled.map(({ tagName, className }) => [tagName, className])).toEqual([
    ["DETAILS", ""],
    ["SECTION", "fs-facet"],
  ]);
  scroll.mockRestore();
});

it("images are cropped to squares by a box in the sidebar or a key, where images are shown", async () => {
  const { app, calls } = await shown();
  expect(root.querySelector(".fs-check")).toBeNull(); // a map without images
  Object.defineProperty(app, "hasImages", { value: true });
  app.mode.value = "grid";
  await settled();
  root.querySelector<HTMLInputElement>(".fs-check input")?.click();
  expect(calls.get("cropped")).toBe(true);
  press("c");
  expect(calls.get("cropped")).toBe(false);
});

it("names are on the map, without those of hidden classes, and a box or a key removes all", async () => {
  const names = [
    { item: 1, code: 1, n_items: 3 },
    { item: 0, code: 0, n_items: 3 },
  ];
  const { app, calls } = await shown({ classes: ["cat", "dog"], names });
  expect(calls.get("names")).toEqual(["dog", "cat"]);
  app.setFilter("label", { kind: "codes", hidden: new Set([1]) });
  expect(calls.get("names")).toEqual(["cat"]);
  app.setFilter("label", null);
  // the filter shows the items 0, 2 and 4, which are cats
  app.setFilter("split", { kind: "codes", hidden: new Set([1, 65_535]) });
  await settled();
  expect(calls.get("names")).toEqual(["cat"]);
  app.setFilter("split", null);
  app.setFilter("label", { kind: "codes", hidden: new Set([1]) });
  root.querySelector<HTMLInputElement>(".fs-check input")?.click();
  expect(calls.get("names")).toEqual([]);
  press("m");
  expect(calls.get("names")).toEqual(["cat"]);
});

it("the pointer on a class highlights its items, and the images stay where they are", async () => {
  const { app, calls } = await shown({ classes: ["cat", "dog"] });
  const enter = () => rows()[1]?.dispatchEvent(new PointerEvent("pointerenter"));
  enter();
  await settled(100);
  expect(calls.get("states")).toEqual([FADED, 0, FADED, 0, FADED, 0]);
  rows()[1]?.dispatchEvent(new PointerEvent("pointerleave"));
  expect(calls.get("states")).toBeNull();
  app.setFilter("label", { kind: "codes", hidden: new Set([1]) });
  enter();
  await settled(100);
  expect(calls.get("states")).toEqual([0, HIDDEN, 0, HIDDEN, 0, HIDDEN]); // the class is hidden by the filter
});

it("each count includes the number of shown items", async () => {
  const { app } = await shown();
  const text = (selector: string) => root.querySelector(selector)?.textContent;
  app.search.ended(Uint32Array.of(1, 2, 3));
  app.select(Uint32Array.of(0, 1, 4));
  await settled();
  expect(text(".fs-search-found span")).toBe("3 found");
  expect(text(".fs-side")).not.toContain("shown");
  app.columns.value = new Map(app.columns.value).set("value", await app.items.column("value"));
  app.setFilter("value", { kind: "range", lower: 2, upper: 4 }); // items 2, 3 and 4
  await settled();
  expect(text(".fs-heading p span")).toBe("3 of 6 shown");
  expect(rows().map((row) => row.querySelector(".fs-number")?.textContent)).toEqual([
    "2 of 3",
    "1 of 3",
  ]);
  expect(text(".fs-search-found span")).toBe("2 of 3 shown");
  expect(text(".fs-side .fs-note")).toBe("1 of 3 shown");
  button("Next match").click();
  expect(app.panels.item.value).toBe(2); // the first match is hidden
  app.colorBy.value = "value";
  await settled();
  expect(text(".fs-legend-head")).toBe("3 of 6 shown");
});
