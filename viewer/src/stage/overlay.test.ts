// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { Overlay } from "./overlay";

test("the names are above the lines and the rings", () => {
  const parent = document.createElement("div");
  const overlay = new Overlay(parent, { background: "#ffffff", highlight: "#0000ff" } as never);
  const shapes = [...(parent.firstElementChild?.children ?? [])];
  const names = shapes.indexOf(overlay.names.root);
  expect(names).toBeGreaterThan(shapes.indexOf(overlay.links.root));
  expect(names).toBeGreaterThan(shapes.findLastIndex((each) => each.tagName === "rect"));
});
