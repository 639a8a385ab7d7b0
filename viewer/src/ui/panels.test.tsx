// @vitest-environment happy-dom
import { expect, it } from "vitest";
import { NoAnswerError } from "../sources/error";
import { placeImage } from "../state/view/place";
import { button, hide, press, root, shown } from "../testing/shown";
import { settled, smallApp } from "../testing/small-map";
import { classCounts } from "./side/SelectionPanel";
import { searchLabel } from "./sidebar/SearchBox";

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

it("the path of the item card may break after its separators", async () => {
  const { app } = await shown({ paths: ["a/sea_lion-2.small.png", "b.png"] });
  app.panels.openItem(0);
  await settled();
  const path = root.querySelector(".fs-side .fs-facts dd");
  expect(path?.innerHTML).toBe("a/<wbr>sea_<wbr>lion-<wbr>2.<wbr>small.<wbr>png<wbr>");
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

it("an image without a label has the name of its file as the title", async () => {
  const paths = ["a/one_1.png", "b.png", "c.png", "d.png", "e.png", "f.png"];
  const { app } = await shown({ paths, classes: null });
  app.panels.openItem(0);
  await settled();
  expect(root.querySelector(".fs-side .fs-panel-title")?.textContent).toBe("one_1.png");
});

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
  expect([app.navigation.cursor.value, app.selection.count]).toEqual([null, 1]);
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
    return { position: [0, 0], neighbors: { ids: [], distances: [] }, thumbnail: null };
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

it("a dropped TIFF image appears as the server's small copy, and other images as they are", async () => {
  for (const thumbnail of [btoa("small"), null]) {
    hide();
    const place = async () => ({
      position: [0, 0],
      neighbors: { ids: [], distances: [] },
      thumbnail,
    });
    const { app } = await shown({}, { place });
    await placeImage(app, new File(["dropped"], "new.tif"));
    await settled();
    expect(await app.panels.placed.value?.image.text()).toBe(thumbnail ? "small" : "dropped");
    const caption = root.querySelector("figcaption")?.textContent;
    expect(caption).toBe(
      thumbnail ? "A small copy, because browsers cannot show TIFF." : undefined,
    );
  }
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

it("a selection that was kept is confirmed among the messages", async () => {
  const { app } = await shown({ storage: { getItem: () => null, setItem: () => {} } });
  app.select(Uint32Array.of(0, 2, 3));
  await app.keepSelection("mixed");
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
  expect(help).toContain("“a phrase”, column:value or column:3..5, OR, -word");
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

it("the map shows the neighbors of the open item", async () => {
  const { app, calls } = await shown();
  app.panels.openItem(4);
  await settled();
  expect(calls.get("links")).toEqual({ from: 4, to: [5, 0] });
  app.closePanel();
  await settled();
  expect(calls.get("links")).toEqual({ from: null, to: [] });
});
