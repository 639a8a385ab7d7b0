// @vitest-environment happy-dom
import { expect, it, vi } from "vitest";
import { NoAnswerError } from "../sources/error";
import { FADED, HIDDEN } from "../stage/index";
import type { App } from "../state/app";
import { button, hide, press, root, shown } from "../testing/shown";
import { settled, smallApp } from "../testing/small-map";
import { classCounts } from "./side/SelectionPanel";
import { searchLabel } from "./sidebar/SearchBox";

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

it("hostile labels and paths are shown as text", async () => {
  const evil = "<img src=x onerror=alert(1)>";
  const { app } = await shown({ classes: [evil], paths: [evil, '"\n<script>alert(1)</script>'] });
  app.panels.openItem(1);
  await settled();
  app.select(Uint32Array.of(0, 1));
  await settled();
  expect(root.querySelectorAll("script, img")).toHaveLength(0);
  expect(root.textContent).toContain(evil);
});

it("neighbors open items, and Back and Forward return to them", async () => {
  const { app } = await shown();
  app.panels.openItem(0);
  await settled();
  const neighbors = root.querySelectorAll<HTMLButtonElement>(".fs-neighbors button");
  expect([...neighbors].map((each) => each.getAttribute("aria-label"))).toEqual([
    "dog, a/2.png, distance 0.50",
    "cat, b/3.png, distance 1.50",
  ]);
  neighbors[1]?.click();
  await settled();
  expect(app.panels.item.value).toBe(2);
  expect(root.querySelector(".fs-side")?.textContent).toContain("b/3.png");
  button("Back").click();
  expect(app.panels.item.value).toBe(0);
  await settled();
  button("Forward").click();
  expect(app.panels.item.value).toBe(2);
});

it("an open panel is filled when the server answers again, and the error disappears", async () => {
  let isAway = true;
  const { app } = await shown(
    {},
    {
      neighbors: async () => {
        if (isAway) throw new NoAnswerError("The server does not answer.");
        return { ids: [4], distances: [1.5] };
      },
    },
  );
  app.panels.openItem(0);
  await settled();
  expect(app.messages.error.value).toBe("The server does not answer.");
  app.messages.error.value = null;
  await settled(2100);
  expect(app.messages.error.value).toBeNull(); // reported once
  app.messages.error.value = "The server does not answer.";
  isAway = false;
  await settled(2100);
  expect(root.querySelectorAll(".fs-neighbors button")).toHaveLength(1);
  expect(app.messages.error.value).toBeNull();
}, 15_000); // the page asks again every 2 s

it("closing the panel removes the error that the server does not answer", async () => {
  const { app } = await shown(
    {},
    {
      neighbors: async () => {
        throw new NoAnswerError("The server does not answer.");
      },
    },
  );
  app.panels.openItem(0);
  await settled();
  expect(app.messages.error.value).toBe("The server does not answer.");
  app.closePanel();
  await settled();
  expect(app.messages.error.value).toBeNull();
});

it.each([true, false])(
  "a failed original loads again only if the server was away: %s",
  async (isAway) => {
    let answer = (): void => {};
    let isFirst = true;
    const { app } = await shown(
      {},
      {
        originalUrl: (id: number) => `original-${id}`,
        details: async (id) => {
          if (isAway && isFirst) {
            isFirst = false;
            throw new NoAnswerError("The server does not answer.");
          }
          await new Promise<void>((resolve) => {
            answer = resolve;
          });
          return { id, label: null, path: "a/1.png", width: null, height: null, columns: {} };
        },
      },
    );
    app.panels.openItem(0);
    await settled();
    root.querySelector(".fs-portrait a img")?.dispatchEvent(new Event("error"));
    await settled(isAway ? 2100 : 0);
    expect(root.querySelector(".fs-portrait a img")).toBeNull();
    answer();
    await settled();
    expect(root.querySelector(".fs-side .fs-facts")?.textContent).toContain("a/1.png");
    expect(root.querySelector(".fs-portrait a img") !== null).toBe(isAway);
  },
);

it("the selection panel counts classes, largest first", async () => {
  expect(classCounts(Uint16Array.of(2, 1, 2, 0, 1, 2), Uint32Array.of(0, 1, 2, 4, 5))).toEqual([
    [2, 3],
    [1, 2],
  ]);
  const { app } = await shown();
  app.select(Uint32Array.of(0, 2, 3));
  await settled();
  const counts = root.querySelectorAll(".fs-counts li");
  expect([...counts].map((each) => each.textContent)).toEqual(["cat2", "dog1"]);
  button("Clear").click();
  await settled();
  expect(root.querySelector(".fs-side")).toBeNull();
});

it("the ZIP button exists only if the server creates archives", async () => {
  const { app } = await shown();
  app.select(Uint32Array.of(0));
  await settled();
  expect(() => button("ZIP")).toThrow();
  hide();
  const abilities = {
    originals: true,
    search: true,
    content: false,
    zip: 2,
    place: true,
    no_place: null,
  };
  const other = (await shown({}, { abilities, zip: async () => "api/zip/1" })).app;
  other.select(Uint32Array.of(0, 1));
  await settled();
  expect(button("ZIP").disabled).toBe(false);
  other.select(Uint32Array.of(0, 1, 2));
  await settled();
  expect(button("ZIP").disabled).toBe(true);
});

it("the search label lists the searched texts, and no search exists without texts", () => {
  const { manifest } = smallApp();
  const bare = { ...manifest, classes: null, strings: null, columns: [] };
  expect(searchLabel(manifest)).toBe("Find in paths, labels, “split” and “note”");
  expect(searchLabel({ ...manifest, columns: [] })).toBe("Find in paths and labels");
  expect(searchLabel({ ...manifest, columns: [], classes: null })).toBe("Find in paths");
  expect(searchLabel({ ...bare, classes: manifest.classes })).toBe("Find in labels");
  expect(searchLabel(bare)).toBeNull();
});

it("the help of a 3-D map describes turning by a drag, and lists only views that exist", async () => {
  await shown({ nDimensions: 3 });
  expect(button("Turn the map").title).toBe("Turn the map (v)");
  press("?");
  await settled();
  const help = root.querySelector("[role=dialog]")?.textContent;
  expect(help).toContain("drag turns the map");
  expect(help).not.toContain("grid");
});

it("the toolbar is one Tab stop, and arrow keys move within it", async () => {
  await shown();
  const all = [...root.querySelectorAll<HTMLButtonElement>(".fs-toolbar button")];
  const name = (each: Element | null) => each?.getAttribute("aria-label");
  const stops = () => all.filter((each) => each.tabIndex === 0).map(name);
  expect(stops()).toEqual(["Move the map"]);
  all[0]?.focus();
  press("ArrowRight", document.activeElement as Element);
  press("ArrowRight", document.activeElement as Element);
  expect(stops()).toEqual(["Select with a rectangle"]);
  press("Home", document.activeElement as Element);
  press("ArrowLeft", document.activeElement as Element);
  expect(name(document.activeElement)).toBe("Help");
  expect(stops()).toEqual(["Help"]);
});

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

it("keys move over the map, open, select, and close step by step", async () => {
  const { app, calls } = await shown();
  press("ArrowRight");
  press("ArrowRight");
  expect(calls.get("focus")).toBe(1);
  await settled();
  expect(app.messages.announcement.value).toBe("dog, a/2.png");
  press("Enter");
  expect(app.panels.item.value).toBe(1);
  press(" ");
  expect([...app.selection.items.value]).toEqual([1]);
  app.panels.openItem(2);
  press("Escape");
  expect(app.panels.item.value).toBeNull();
  press("Escape");
  expect(app.selection.items.value).toHaveLength(0);
});

it("keys in text fields and browser shortcuts are ignored", async () => {
  const { app } = await shown();
  const field = root.querySelector("[data-search]") as HTMLInputElement;
  press("l", field);
  press("l", root, { ctrlKey: true });
  expect(app.tool.value).toBe("pan");
  press("l");
  expect(app.tool.value).toBe("lasso");
});

it("text typed directly after the search key goes into the search field", async () => {
  await shown();
  press("/");
  expect(document.activeElement?.matches("[data-search]")).toBe(true);
});

it("neighbors are listed by name in a map without images", async () => {
  const { app } = await shown({ paths: ["a.png", "b.png", "c.png"], classes: ["cat"] });
  app.panels.openItem(0);
  await settled();
  const names = [...root.querySelectorAll(".fs-neighbors li")].map((each) => each.textContent);
  expect(names).toEqual(["cat, b.png0.50", "cat, c.png1.50"]);
});

it("a TIFF original is offered as a link", async () => {
  const { app } = await shown(
    { paths: ["a.tif", "b.png"] },
    { originalUrl: (id: number) => `original-${id}` },
  );
  for (const [item, says] of [
    [0, "cannot show TIFF"],
    [1, "cannot be read"],
  ] as const) {
    app.panels.openItem(item);
    await settled();
    root.querySelector(".fs-portrait a img")?.dispatchEvent(new Event("error"));
    await settled();
    expect(root.querySelector("figcaption")?.textContent).toContain(says);
  }
});

it("one dropped image is placed, several give an error", async () => {
  const placed: Blob[] = [];
  const place = async (image: Blob) => {
    placed.push(image);
    return { position: [0, 0], neighbors: { ids: [], distances: [] } };
  };
  const { app } = await shown({}, { place });
  const drop = (...files: File[]) => {
    const event = new Event("drop", { cancelable: true });
    Object.assign(event, { dataTransfer: { types: ["Files"], files } });
    root.dispatchEvent(event);
  };
  const [one, two] = [new File(["1"], "1.png"), new File(["2"], "2.png")];
  drop(one, two);
  await settled();
  expect(app.messages.error.value).toContain("Only one image");
  expect(placed).toEqual([]);
  drop(one);
  await settled();
  expect(placed).toEqual([one]);
});

it("the page shows the reason if new images cannot be placed", async () => {
  const no_place = "This map was made with an ONNX file: give it with --model FILE.onnx.";
  const abilities = {
    originals: false,
    search: true,
    content: false,
    zip: 0,
    place: false,
    no_place,
  };
  const { app } = await shown({}, { abilities });
  const drag = (type: string) => {
    const event = new Event(type, { cancelable: true });
    Object.assign(event, { dataTransfer: { types: ["Files"], files: [new File(["1"], "1.png")] } });
    root.dispatchEvent(event);
  };
  drag("dragover");
  await settled();
  expect(root.querySelector(".fs-drop-card")?.textContent).toBe(no_place);
  drag("drop");
  await settled();
  expect(app.messages.error.value).toBe(no_place);
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

it("a selection that was kept is confirmed among the messages", async () => {
  const { app } = await shown({ storage: { getItem: () => null, setItem: () => {} } });
  app.select(Uint32Array.of(0, 2, 3));
  app.keepSelection("mixed");
  await settled();
  expect(root.querySelector(".fs-messages .fs-message")?.textContent).toContain(
    "Kept as mixed (3)",
  );
});

it("the help lists phrases and columns of the search", async () => {
  await shown();
  press("?");
  await settled();
  const help = root.querySelector("[role=dialog]")?.textContent;
  expect(help).toContain("“a phrase” or column:value");
});

it("Escape closes only the help", async () => {
  const { app } = await shown();
  app.panels.openItem(1);
  press("?");
  await settled();
  expect(root.querySelector("[role=dialog]")).not.toBeNull();
  press("Escape");
  await settled();
  expect(root.querySelector("[role=dialog]")).toBeNull();
  expect(app.panels.item.value).toBe(1);
});

it("an empty view offers to show all and to clear the filters", async () => {
  const { app, calls } = await shown();
  app.navigation.viewIsEmpty.value = true;
  await settled();
  expect(() => button("Clear the filters")).toThrow();
  app.setFilter("label", { kind: "codes", hidden: new Set([0, 1]) });
  await settled();
  button("Clear the filters").click();
  expect(app.filters.value.size).toBe(0);
  await settled();
  expect(calls.get("fit")).toBeUndefined();
  root.querySelector<HTMLElement>(".fs-message button")?.click(); // the toolbar has one too
  expect(calls.get("fit")).toMatchObject({ items: null });
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

it("the map shows the neighbors of the open item", async () => {
  const { app, calls } = await shown();
  app.panels.openItem(4);
  await settled();
  expect(calls.get("links")).toEqual({ from: 4, to: [5, 0] });
  app.closePanel();
  await settled();
  expect(calls.get("links")).toEqual({ from: null, to: [] });
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
