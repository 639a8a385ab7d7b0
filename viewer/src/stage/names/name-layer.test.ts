// @vitest-environment happy-dom
import { expect, it } from "vitest";
import type { MapName } from "../stage";
import { NameLayer } from "./name-layer";

const name = (item: number, isAbove = false): MapName => ({
  item,
  isAbove,
  text: `name ${item}`,
  color: "#102030",
  sizePx: 10,
  fromZoom: 0,
  region: null,
});
const SIZE = { width: 400, height: 300 };
const at = (x: number, y: number) => () => ({ at: { x, y }, halfHeight: 5 });

function visible(layer: NameLayer): (string | null)[] {
  const shown = [...layer.root.children].filter(
    (text) => text.getAttribute("visibility") === "visible",
  );
  return shown.map((text) => `${text.textContent} ${text.getAttribute("transform")}`);
}

it("a name is at its item, or above the item", () => {
  const layer = new NameLayer();
  layer.set([name(1)]);
  layer.draw("a", at(100, 50), SIZE, 1);
  expect(visible(layer)).toEqual(["name 1 translate(100 50)"]);
  layer.set([name(1, true)]);
  layer.draw("a", at(100, 50), SIZE, 1);
  expect(visible(layer)).toEqual(["name 1 translate(100 38.5)"]);
});

it("the first of two names at one position is shown, and the choice lasts until the layout changes", () => {
  const layer = new NameLayer();
  const apart = (item: number) => ({ at: { x: 100 * item, y: 50 }, halfHeight: 5 });
  layer.set([name(1), name(2)]);
  layer.draw("a", at(100, 50), SIZE, 1);
  expect(visible(layer)).toHaveLength(1);
  layer.draw("a", apart, SIZE, 1);
  expect(visible(layer)).toHaveLength(1);
  layer.draw("b", apart, SIZE, 1);
  expect(visible(layer)).toHaveLength(2);
});

it("names outside the stage and without a position are hidden", () => {
  const layer = new NameLayer();
  layer.set([name(1)]);
  layer.draw("a", at(900, 50), SIZE, 1);
  expect(visible(layer)).toEqual([]);
  layer.draw("b", () => null, SIZE, 1);
  expect(visible(layer)).toEqual([]);
});

it("a name at the edge of the stage is moved inward, and hidden if it overlaps a name there", () => {
  const layer = new NameLayer();
  layer.set([name(1), name(2)]);
  const x = [0, 398, 360];
  layer.draw("a", (item) => ({ at: { x: x[item] ?? 0, y: 50 }, halfHeight: 5 }), SIZE, 1);
  expect(visible(layer)).toEqual(["name 1 translate(380 50)"]);
});

it("a name at the edge of a panel is moved beside the panel, and hidden under the panel", () => {
  const layer = new NameLayer();
  layer.set([name(1), name(2)]);
  const x = [0, 110, 90];
  const clear = { left: 100, right: 400, top: 0, bottom: 300 };
  const locate = (item: number) => ({ at: { x: x[item] ?? 0, y: 50 * item }, halfHeight: 5 });
  layer.draw("a", locate, SIZE, 1, clear);
  expect(visible(layer)).toEqual(["name 1 translate(120 50)"]);
  layer.draw("a", locate, SIZE, 1);
  expect(visible(layer)).toHaveLength(2);
});

it("names cover at most a tenth of the map", () => {
  const layer = new NameLayer();
  layer.set(Array.from({ length: 100 }, (_, i) => name(i)));
  const grid = (item: number) => ({
    at: { x: 45 * (item % 8) + 40, y: 20 * Math.floor(item / 8) + 20 },
    halfHeight: 5,
  });
  layer.draw("a", grid, SIZE, 1);
  const shown = visible(layer).length;
  expect(shown * 40 * 13).toBeLessThan(0.1 * SIZE.width * SIZE.height);
  expect(shown).toBeGreaterThan(10);
});

it("beside a panel, fewer names are shown, because they cover a tenth of the clear part", () => {
  const layer = new NameLayer();
  layer.set(Array.from({ length: 40 }, (_, i) => name(i)));
  const grid = (item: number) => ({
    at: { x: 45 * (item % 8) + 40, y: 20 * Math.floor(item / 8) + 20 },
    halfHeight: 5,
  });
  const clear = { left: 0, right: 400, top: 0, bottom: 120 };
  layer.draw("a", grid, { width: 400, height: 1200 }, 1, clear);
  expect(visible(layer).length * 40 * 13).toBeLessThan(0.1 * 400 * 120);
});

it("a name has smaller letters on a narrow stage", () => {
  const layer = new NameLayer();
  layer.set([{ ...name(1), sizePx: 19 }]);
  const size = () => layer.root.firstElementChild?.getAttribute("font-size");
  layer.draw("a", at(500, 50), { width: 1000, height: 300 }, 1);
  expect(size()).toBe("19");
  layer.draw("a", at(200, 50), SIZE, 1);
  expect(size()).toBe("15");
  layer.draw("b", at(500, 50), { width: 1000, height: 300 }, 1);
  expect(size()).toBe("19");
});

it("a name is hidden below its zoom", () => {
  const layer = new NameLayer();
  layer.set([name(1), { ...name(2), fromZoom: 2 }]);
  const apart = (item: number) => ({ at: { x: 100 * item, y: 50 }, halfHeight: 5 });
  layer.draw("a", apart, SIZE, 1.9);
  expect(visible(layer)).toEqual(["name 1 translate(100 50)"]);
  layer.draw("b", apart, SIZE, 2);
  expect(visible(layer)).toHaveLength(2);
});

it("a picture contains the shown names at its scale", () => {
  const layer = new NameLayer();
  layer.set([name(1), name(2)]);
  layer.draw("a", at(100, 50), SIZE, 1);
  const drawn: unknown[] = [];
  const paper = {
    font: "",
    save() {},
    restore() {},
    strokeText() {},
    fillText: (...given: unknown[]) => drawn.push([paper.font.split(" ")[1], ...given]),
  };
  layer.paint(paper as unknown as CanvasRenderingContext2D, 2, at(200, 100));
  expect(drawn).toEqual([["20px", "\u2068name 1\u2069", 200, 100]]); // in its own direction
});

it("the name of a region with an image responds to the pointer, where the name was drawn", () => {
  const layer = new NameLayer();
  const region = { item: 1, name: "dog", level: 0, n_items: 9, image: 3 };
  layer.set([{ ...name(1), region }, { ...name(2), region: { ...region, image: null } }, name(3)]);
  const apart = (item: number) => ({ at: { x: 100 * item, y: 50 }, halfHeight: 5 });
  layer.draw("a", apart, SIZE, 1);
  expect(layer.regionAt({ x: 110, y: 54 })).toBe(region);
  expect(layer.regionAt({ x: 110, y: 60 })).toBeNull();
  expect(layer.regionAt({ x: 200, y: 50 })).toBeNull(); // of an older map
  expect(layer.regionAt({ x: 300, y: 50 })).toBeNull(); // a class
  layer.draw("b", () => null, SIZE, 1);
  expect(layer.regionAt({ x: 110, y: 54 })).toBeNull();
});

it("a long name is shortened inside, to fewer letters on a narrow stage", () => {
  const layer = new NameLayer();
  layer.set([{ ...name(1), text: "abcdefghijklmnopqrstuvwxyz" }]);
  const texts = () => visible(layer).map((each) => each?.split(" ")[0]);
  layer.draw("a", at(500, 50), { width: 1000, height: 300 }, 1);
  expect(texts()).toEqual(["abcdefghijklmnopq…uvwxyz"]);
  layer.draw("a", at(200, 50), SIZE, 1);
  expect(texts()).toEqual(["abcdefghij…xyz"]);
  layer.draw("b", at(500, 50), { width: 1000, height: 300 }, 1);
  expect(texts()).toEqual(["abcdefghijklmnopq…uvwxyz"]);
});

it("a long name is shortened between letters", () => {
  const layer = new NameLayer();
  layer.set([{ ...name(1), text: "👨‍👩‍👧".repeat(30) }]);
  layer.draw("a", at(500, 50), { width: 1000, height: 300 }, 1);
  expect(visible(layer)[0]).toContain(`${"👨‍👩‍👧".repeat(17)}…${"👨‍👩‍👧".repeat(6)}`);
});
