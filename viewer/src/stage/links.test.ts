import { expect, test } from "vitest";
import { leaving } from "./links";

test("a line begins at the edge of its box, and at the middle if the boxes coincide", () => {
  const box = { at: { x: 10, y: 10 }, halfWidth: 4, halfHeight: 2 };
  expect(leaving(box, { x: 110, y: 10 })).toEqual({ x: 14, y: 10 });
  expect(leaving(box, { x: 10, y: -90 })).toEqual({ x: 10, y: 8 });
  expect(leaving(box, { x: 20, y: 15 })).toEqual({ x: 14, y: 12 });
  expect(leaving(box, { x: 10, y: 10 })).toEqual({ x: 10, y: 10 });
  expect(leaving(box, { x: 11, y: 10 })).toEqual({ x: 11, y: 10 });
});
