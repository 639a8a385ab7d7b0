// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { Links, leaving } from "./links";

test("a line begins at the edge of its box, and at the middle if the boxes coincide", () => {
  const box = { at: { x: 10, y: 10 }, halfWidth: 4, halfHeight: 2 };
  expect(leaving(box, { x: 110, y: 10 })).toEqual({ x: 14, y: 10 });
  expect(leaving(box, { x: 10, y: -90 })).toEqual({ x: 10, y: 8 });
  expect(leaving(box, { x: 20, y: 15 })).toEqual({ x: 14, y: 12 });
  expect(leaving(box, { x: 10, y: 10 })).toEqual({ x: 10, y: 10 });
  expect(leaving(box, { x: 11, y: 10 })).toEqual({ x: 11, y: 10 });
});

test("no line and no ring covers the open image", () => {
  const [first, second] = [new Links(), new Links()];
  const image = { at: { x: 10, y: 10 }, halfWidth: 4, halfHeight: 2, round: false };
  const near = { at: { x: 12, y: 10 }, halfWidth: 5, halfHeight: 5, round: true, fill: "red" };
  const visible = (links: Links) => {
    const clip = links.root.querySelector("clipPath");
    expect(links.root.getAttribute("clip-path")).toBe(`url(#${clip?.id})`);
    expect(clip?.firstElementChild?.getAttribute("clip-rule")).toBe("evenodd");
    return clip?.firstElementChild?.getAttribute("d");
  };
  first.draw(image, [near], null);
  const all = visible(first);
  first.draw(image, [near], image);
  expect(visible(first)).toBe(`${all}M6 8h8v4h-8Z`);
  expect(first.root.querySelector("rect")?.getAttribute("fill")).toBe("red");
  second.draw(null, [image], null);
  expect(visible(second)).toBe(all);
  expect(second.root.querySelector("rect")?.getAttribute("fill")).toBe("none");
  expect(second.root.querySelector("clipPath")?.id).not.toBe(
    first.root.querySelector("clipPath")?.id,
  );
});
