import { expect, it } from "vitest";
import { idsText, parseIds } from "./selection-text";

it("ids are encoded as runs, in any order", () => {
  expect(idsText(Uint32Array.of(40, 3, 5, 4))).toBe("3~2.z");
  expect(parseIds("3~2.z")).toEqual([3, 4, 5, 40]);
  for (const ids of [[], [0], [0, 1], [7, 9, 1_000_000]]) {
    expect(parseIds(idsText(Uint32Array.from(ids)) as string)).toEqual(ids);
  }
});

it("a selection that is too long for an address is left out", () => {
  expect(idsText(Uint32Array.from({ length: 9000 }, (_, i) => 2 * i))).toBeNull();
  expect(idsText(Uint32Array.from({ length: 9000 }, (_, i) => i))).toBe("0~6xz");
});

it("damaged ids are ignored", () => {
  expect(parseIds("x!.2.~.1~zzzzzzz")).toEqual([2]);
});
