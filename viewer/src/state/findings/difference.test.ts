import { expect, it } from "vitest";
import { difference, turnedTo } from "./difference";

const RED = [200, 0, 0] as const;

it("equal images have no difference, also with the noise of a compression", () => {
  const one = Uint8ClampedArray.of(10, 20, 30, 255, 90, 90, 90, 255);
  const other = Uint8ClampedArray.of(14, 20, 30, 255, 90, 83, 90, 255);
  expect(difference(one, one, RED)).toBeNull();
  expect(difference(one, other, RED)).toBeNull();
});

it("a mirrored copy is mirrored before it is compared", () => {
  const [white, black] = [
    [255, 255, 255, 255],
    [0, 0, 0, 255],
  ] as const;
  const one = Uint8ClampedArray.of(...white, ...black, ...white, ...black);
  const other = Uint8ClampedArray.of(...black, ...white, ...black, ...white);
  const turned = turnedTo(one, other, 2);
  expect(turned.mirrored).toBe(true);
  expect(difference(one, turned.pixels, RED)).toBeNull();
  expect(turnedTo(one, one, 2)).toEqual({ pixels: one, mirrored: false });
});

it("a pixel is more opaque where the images differ more", () => {
  const one = Uint8ClampedArray.of(10, 20, 30, 255, 0, 0, 0, 255, 9, 9, 9, 255);
  const other = Uint8ClampedArray.of(10, 40, 31, 255, 255, 0, 0, 255, 9, 9, 9, 255);
  expect([...(difference(one, other, RED) ?? [])]).toEqual([
    ...[200, 0, 0, 60],
    ...[200, 0, 0, 255],
    ...[0, 0, 0, 0],
  ]);
});
