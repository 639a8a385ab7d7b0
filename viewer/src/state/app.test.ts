// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from "vitest";
import { SourceError } from "../sources/error";
import { DIMMED, HIDDEN, MATCHED } from "../stage/index";
import { SilentStage, settled, smallApp } from "../testing/small-map";
import { AddressSync } from "./address/address-sync";
import { restore } from "./address/restore";
import { selectionCsv } from "./exports/exports";
import { runSearch } from "./search/search";
import { watchEmptyView } from "./view/empty-view";
import { placeImage } from "./view/place";
import { syncStage } from "./view/stage-sync";

const stops: (() => void)[] = [];
/** Of six items; class 7 is a dog. */
const WORDS = {
  terms: { dog: [7], animal: [7, 8] },
  classes: [7, 1, 7, 1, 8, 1, 7, 1, 2, 7, 1, 2],
  probabilities: [0.3, 0.1, 0.05, 0, 0.9, 0, 0.8, 0, 0.5, 0.4, 0.9, 0],
};
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  window.location.hash = "";
});

function staged(...args: Parameters<typeof smallApp>) {
  const app = smallApp(...args);
  const stage = new SilentStage();
  app.stage = stage;
  stops.push(syncStage(app, stage));
  return { app, stage, calls: stage.calls };
}

describe("the stage", () => {
  it("the stage gets the colors of classes, categories and numbers", async () => {
    const { app, calls } = staged();
    await settled();
    expect(calls.get("colors")).toEqual({
      codes: [0, 1, 0, 1, 0, 1],
      palette: ["#000000", "#000001"],
    });
    app.colorBy.value = "split";
    await settled();
    expect(calls.get("colors")).toMatchObject({ codes: [0, 65535, 0, 1, 0, 1] });
    app.colorBy.value = "value";
    await settled();
    const { codes } = calls.get("colors") as { codes: number[] };
    expect(codes[0]).toBe(65535);
    expect(codes[1]).toBe(0);
    expect(codes[5]).toBe(127);
  });

  it("a map that is fitted while the grid is read is fitted to the grid, unless the user moves", async () => {
    const { app, stage } = staged();
    await settled();
    let endReading = () => {};
    vi.spyOn(stage, "setLayout").mockImplementation(
      () => new Promise((resolve) => (endReading = resolve)),
    );
    const fit = vi.spyOn(stage, "fit");
    for (const [mode, panned, nFits] of [
      ["grid", 0, 2],
      ["points", 5, 3],
    ] as const) {
      app.mode.value = mode;
      app.navigation.fit();
      if (panned > 0) stage.pan(panned, 0);
      endReading();
      await settled();
      expect(fit).toHaveBeenCalledTimes(nFits);
    }
  });

  it("a grid that cannot be read leaves the map and reports why", async () => {
    const app = smallApp();
    const stage = new SilentStage();
    stops.push(syncStage(app, stage));
    vi.spyOn(stage, "setLayout").mockRejectedValue(new SourceError("grid.bin is too short."));
    app.mode.value = "grid";
    await settled();
    expect(app.messages.error.value).toBe("grid.bin is too short.");
    expect(app.mode.value).toBe("points");
  });

  it.each([true, false])("a grid is fitted if the whole map was shown: %s", async (isWhole) => {
    const { app, stage, calls } = staged();
    app.navigation.fit();
    if (!isWhole) stage.zoom(2);
    calls.delete("fit");
    app.mode.value = "grid";
    await settled();
    expect(calls.has("fit")).toBe(isWhole);
  });

  it("the view is checked again after items were hidden or moved", async () => {
    const { app, stage } = staged();
    let read = () => {};
    const late = new Promise<Float32Array<ArrayBuffer>>((resolve) => {
      read = () => resolve(Float32Array.of(1, 2, 3, 4, 5, 6));
    });
    vi.spyOn(app.items, "column").mockReturnValue(late);
    stops.push(watchEmptyView(app));
    app.setFilter("value", { kind: "range", lower: 7, upper: 8 });
    await settled(400);
    expect(app.navigation.viewIsEmpty.value).toBe(false);
    stage.isEmpty = true; // the filter hides these items once the column has been read
    read();
    await settled(400);
    expect(app.navigation.viewIsEmpty.value).toBe(true);
    stage.isEmpty = false;
    app.mode.value = "grid";
    await settled(400);
    expect(app.navigation.viewIsEmpty.value).toBe(false);
  });

  it("a map without labels has one neutral color", async () => {
    const { calls } = staged({ classes: null });
    await settled();
    expect(calls.get("colors")).toEqual({ codes: Array(6).fill(65535), palette: [] });
  });

  it("items are hidden by a column once it has been read", async () => {
    const { app, calls } = staged();
    expect(calls.get("states")).toBeNull();
    app.setFilter("value", { kind: "range", lower: 4, upper: 5 });
    await settled();
    expect(calls.get("states")).toEqual([HIDDEN, HIDDEN, HIDDEN, HIDDEN, 0, 0]);
    app.setFilter("value", null);
    expect(calls.get("states")).toBeNull();
  });

  it("a notebook gets the selection as ids", () => {
    const select = vi.fn();
    const { app } = staged({}, { select });
    app.select(Uint32Array.of(0, 5));
    expect(select).toHaveBeenLastCalledWith(Uint32Array.of(5, 0));
    app.select(Uint32Array.of(1, 5), "add");
    expect(select).toHaveBeenLastCalledWith(Uint32Array.of(5, 0, 4));
    app.toggleSelected(5);
    expect(select).toHaveBeenLastCalledWith(Uint32Array.of(5, 4));
  });
});

describe("a search", () => {
  it("finds paths and labels in the texts, and highlights them", async () => {
    const { app, calls } = staged();
    stops.push(runSearch(app));
    app.search.query.value = "u 5 CAT";
    await settled(300);
    expect([...(app.search.matches.value ?? [])]).toEqual([4]);
    expect(calls.get("states")).toEqual(
      [4, 3, 2, 1, 0, 5].map((_, i) => (i === 4 ? MATCHED : DIMMED)),
    );
    app.search.query.value = "";
    await settled();
    expect(app.search.matches.value).toBeNull();
  });

  it("gives the same items by the server", async () => {
    const search = vi.fn(async () => Uint32Array.of(0, 5, 999));
    const { app } = staged({}, { search });
    stops.push(runSearch(app));
    app.search.query.value = "png";
    await settled(300);
    expect(search).toHaveBeenCalledExactlyOnceWith("png");
    expect([...(app.search.matches.value ?? [])]).toEqual([0, 5]);
    app.search.step(1);
    expect(app.panels.item.value).toBe(0);
    app.search.step(-1);
    expect(app.panels.item.value).toBe(5);
  });

  it("adds the items that the network recognizes, the most probable first", async () => {
    const { app } = staged({ words: WORDS });
    stops.push(runSearch(app));
    app.search.query.value = "Dog";
    await settled(300);
    // items 1, 3 and 5 have the label "dog"
    expect([...(app.search.matches.value ?? [])]).toEqual([1, 3, 5, 4, 0]);
    expect(app.search.recognized.value).toBe(2);
    for (const query of ["label:dog", '"dog"']) {
      app.search.query.value = query;
      await settled(300);
      expect([...(app.search.matches.value ?? [])]).toEqual([1, 3, 5]);
      expect(app.search.recognized.value).toBe(0);
    }
  });

  it("moves to the match that was requested during the search", async () => {
    const { app } = staged();
    stops.push(runSearch(app));
    app.search.query.value = "cat";
    app.search.step(1);
    expect(app.panels.item.value).toBeNull();
    await settled(300);
    expect([app.panels.item.value, app.search.at.value]).toEqual([0, 0]);
    app.search.query.value = "dog";
    app.search.step(1); // of dogs, not the next cat
    await settled(300);
    expect(app.panels.item.value).toBe(1);
    app.search.query.value = "no such thing";
    app.search.step(1);
    app.search.query.value = "cat"; // typing continues: this text is not sent
    await settled(300);
    expect(app.panels.item.value).toBe(1);
  });

  it("reports a failure", async () => {
    const { app } = staged({}, { search: () => Promise.reject(new SourceError("No server.")) });
    stops.push(runSearch(app));
    app.search.query.value = "png";
    await settled(300);
    expect(app.messages.error.value).toBe("No server.");
  });
});

describe("an address", () => {
  it("restores the state", async () => {
    const { app } = staged();
    const address = new AddressSync(app);
    stops.push(() => address.stop());
    app.colorBy.value = "split";
    app.setFilter("label", { kind: "codes", hidden: new Set([1]) });
    app.panels.openItem(2);
    address.moved({ center: [3, 4, 0], scale: 5, turn: [0, 0, 0, 1] });
    await settled(600);
    const other = staged().app;
    const { decodeAddress } = await import("./address/address");
    restore(other, decodeAddress(window.location.hash));
    expect(other.colorBy.value).toBe("split");
    expect(other.filters.value).toEqual(app.filters.value);
    expect(other.panels.item.value).toBe(2);
    expect(other.stage?.view()).toEqual({ center: [3, 4, 0], scale: 5, turn: [0, 0, 0, 1] });
  });

  it("ignores and reports columns of another map", () => {
    const { app } = staged();
    restore(app, {
      colorBy: "gone",
      item: 77,
      mode: "grid",
      filters: new Map([["value", { kind: "codes", hidden: new Set([1]) }]]),
    });
    expect(app.colorBy.value).toBe("label");
    expect(app.panels.item.value).toBeNull();
    expect(app.mode.value).toBe("points");
    expect(app.filters.value.size).toBe(0);
    expect(app.messages.error.value).toMatch(/: value, gone\. These columns are ignored\. Open/);
  });
});

it("Escape closes the card of the keyboard before it clears the selection", () => {
  const { app } = staged();
  app.navigation.cursor.value = 1;
  app.select(Uint32Array.of(0, 2), "replace");
  app.escape();
  expect([app.navigation.cursor.value, app.selection.count]).toEqual([null, 2]);
  app.escape();
  expect(app.selection.count).toBe(0);
});

describe("a download", () => {
  it("the table has every column, in the order of the ids", async () => {
    const { app } = staged({ paths: ["=cmd", 'b,"x"', "c"], ids: [2, 0, 1] });
    const lines = (await selectionCsv(app, Uint32Array.of(0, 1, 2))).split("\r\n");
    expect(lines).toEqual([
      "id,path,label,value,split,note",
      '0,"b,""x""",dog,1,,',
      "1,c,cat,2,train,",
      "2,'=cmd,cat,,train,",
      "",
    ]);
  });
});

describe("a placed image", () => {
  it("is placed if the server can place images", async () => {
    const place = async () => ({
      position: [1, 2],
      neighbors: { ids: [5], distances: [0.25] },
      thumbnail: null,
    });
    const { app, calls } = staged({}, { place });
    await placeImage(app, new File([], "new.jpg"));
    expect(calls.get("marker")).toEqual([1, 2]);
    expect(app.panels.placed.value?.neighbors).toEqual([{ item: 0, distance: 0.25 }]);
    expect(app.panels.side.value).toBe("placed");
    expect(app.panels.placed.value?.name).toBe("new.jpg");
    app.escape();
    expect(calls.get("marker")).toBeNull();
  });

  it("keeps the whole map in view if it was shown, else moves to the middle", async () => {
    const place = async () => ({
      position: [7, 8],
      neighbors: { ids: [5], distances: [0.25] },
      thumbnail: null,
    });
    const { app } = staged({}, { place });
    app.navigation.fit(undefined, false);
    await placeImage(app, new File([], "new.jpg"));
    await settled();
    expect(app.stage?.view().center).toEqual([0, 0, 0]);
    app.stage?.zoom(2);
    await placeImage(app, new File([], "new.jpg"));
    await settled();
    expect(app.stage?.view().center).toEqual([7, 8, 0]);
  });

  it("is shown again after an item opened from it is closed", async () => {
    const place = async () => ({
      position: [1, 2],
      neighbors: { ids: [5], distances: [0.25] },
      thumbnail: null,
    });
    const { app, calls } = staged({}, { place });
    await placeImage(app, new File([], "new.jpg"));
    app.panels.openItem(0);
    app.panels.openItem(1);
    expect(calls.get("marker")).toEqual([1, 2]);
    app.closePanel();
    expect(app.panels.side.value).toBe("placed");
    app.panels.openItem(0);
    app.panels.placed.value = null; // taken away meanwhile
    app.closePanel();
    expect(app.panels.side.value).toBeNull();
  });

  it("is an error with the name of the file if the server refuses the file", async () => {
    const place = () => Promise.reject(new SourceError("Truncated"));
    const { app } = staged({}, { place });
    await placeImage(app, new File([], "new.jpg"));
    expect(app.messages.error.value).toBe("new.jpg cannot be placed. Truncated");
  });

  it("is an error on a page without a server", async () => {
    const { app } = staged();
    await placeImage(app, new File([], "new.jpg"));
    expect(app.messages.error.value).toContain("featscape serve");
  });
});

it("details combine the server's row and the bundle's columns", async () => {
  const columns = { value: 9, weight: 2.5 };
  const details = async (id: number) => ({
    id,
    label: null,
    path: "x",
    width: 8,
    height: 4,
    columns,
  });
  const { app } = staged({}, { details });
  expect(await app.items.allDetails(1)).toEqual({
    id: 4,
    label: null,
    path: "x",
    width: 8,
    height: 4,
    columns: { value: 9, split: null, note: null, weight: 2.5 },
  });
});

it("columns and neighbors of an item come from the bundle", async () => {
  const { app } = staged();
  expect(await app.items.details(1)).toMatchObject({
    id: 4,
    label: "dog",
    path: "a/2.png",
    columns: { value: 1, split: null, note: null },
  });
  expect(await app.items.neighbors(4)).toEqual([
    { item: 5, distance: 8.5 },
    { item: 0, distance: 9.5 },
  ]);
});

it("a temporary error is removed, and no other error", () => {
  const app = smallApp();
  const tell = app.messages.temporaryError();
  tell("The kernel does not answer.");
  app.messages.error.value = "The image cannot be placed.";
  tell(null);
  expect(app.messages.error.value).toBe("The image cannot be placed.");
  tell("The kernel does not answer.");
  expect(app.messages.error.value).toBe("The kernel does not answer.");
  tell(null);
  expect(app.messages.error.value).toBeNull();
});

it("the map moves only as far as needed to uncover an item", async () => {
  const { app } = staged();
  const before = app.stage?.view();
  app.goTo(3);
  await settled();
  expect(app.stage?.view()).toBe(before);
  app.surroundings.clearArea = () => ({ left: 0, right: 200, top: 0, bottom: 100, corner: null });
  app.goTo(5); // at 500, 50 of the stage
  await settled();
  expect(app.stage?.view().center).toEqual([325, 0, 0]); // to the edge of the clear area, less 25 pixels
});

it("the whole map is fitted again after a resize, unless the user has moved", async () => {
  const app = smallApp();
  const stage = new SilentStage();
  app.stage = stage;
  app.navigation.fit(undefined, false);
  const fitted = vi.spyOn(app.navigation, "fit");
  app.navigation.resized(false);
  await settled();
  expect(fitted).toHaveBeenCalledOnce();
  stage.zoom(2);
  app.navigation.resized(false);
  await settled();
  expect(fitted).toHaveBeenCalledOnce();
});

it("the names are written in the part of the stage that no panel covers", async () => {
  const { app, calls } = staged();
  const area = { left: 250, right: 700, top: 0, bottom: 600, corner: null };
  app.surroundings.clearArea = () => area;
  app.navigation.resized(false);
  await settled();
  expect(calls.get("clearArea")).toEqual(area);
});

it("the whole map is fitted next to an item's panel, and a moved map keeps its view", async () => {
  const { app, calls } = staged();
  const stage = app.stage as SilentStage;
  app.navigation.fit(undefined, false);
  const area = { left: 0, right: 700, top: 0, bottom: 600, corner: null };
  app.surroundings.clearArea = () => area;
  app.goTo(1);
  await settled();
  expect(calls.get("fit")).toEqual({ items: null, area });
  stage.zoom(2);
  const moved = stage.view();
  app.goTo(2);
  await settled();
  app.closePanel();
  await settled();
  expect(stage.view()).toBe(moved);
});

it("a moved map moves only as far as needed to uncover a selection", async () => {
  const app = smallApp();
  const stage = new SilentStage(); // items are 100 pixels apart, 50 pixels below the top
  app.stage = stage;
  const before = stage.view();
  app.surroundings.clearArea = () => ({ left: 0, right: 380, top: 0, bottom: 100, corner: null });
  app.select(Uint32Array.of(2, 3));
  await settled();
  expect(stage.view()).toBe(before);
  app.select(Uint32Array.of(3, 4));
  await settled();
  expect(stage.view().center[0]).toBeCloseTo((400 - 355) / before.scale);
  const nearer = stage.view();
  app.select(Uint32Array.of(0, 5)); // wider than the clear area
  await settled();
  expect(stage.view()).toBe(nearer);
});

it("an item closes to the selection from which it was opened", () => {
  const { app } = staged();
  app.select(Uint32Array.of(0, 1));
  app.panels.openItem(1);
  app.closePanel();
  expect(app.panels.side.value).toBe("selection");
  app.closePanel();
  app.panels.openItem(1);
  app.closePanel();
  expect(app.panels.side.value).toBeNull();
});

it("Python's selection stays until the user selects", () => {
  const select = vi.fn();
  const { app } = staged({}, { select });
  expect(select).not.toHaveBeenCalled();
  app.select(Uint32Array.of(0));
  app.clearSelection();
  expect(select).toHaveBeenLastCalledWith(new Uint32Array());
});

it("chosen items replace the selection, are added to it, or are removed from it", () => {
  const { app } = staged();
  app.select(Uint32Array.of(0, 1, 2));
  app.select(Uint32Array.of(2, 3), "add");
  expect([...app.selection.items.value]).toEqual([0, 1, 2, 3]);
  app.select(Uint32Array.of(1, 3, 5), "subtract");
  expect([...app.selection.items.value]).toEqual([0, 2]);
});

it("what is shown can be selected", async () => {
  const { app } = staged();
  app.columns.value = new Map([["label", app.items.classes as Uint16Array]]);
  app.setFilter("label", { kind: "codes", hidden: new Set([0]) });
  await app.selectShown();
  expect([...app.selection.items.value]).toEqual([1, 3, 5]);
});

it("an address restores the selection, and an address without a selection clears the selection", () => {
  const { app } = staged({ ids: [5, 4, 3, 2, 1, 0] });
  restore(app, { selection: [0, 4, 77] });
  expect([...app.selection.items.value]).toEqual([5, 1]);
  expect(app.panels.side.value).toBe("selection");
  restore(app, {});
  expect(app.selection.count).toBe(0);
});
