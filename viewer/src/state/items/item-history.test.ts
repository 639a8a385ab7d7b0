import { expect, it } from "vitest";
import { EMPTY_HISTORY, step, visit } from "./item-history";

it("back and forward move in the history, and a new entry drops the ones ahead", () => {
  const abc = [1, 2, 3].reduce(visit, EMPTY_HISTORY);
  const back = step(step(abc, -1), -1);
  expect(back.items[back.at]).toBe(1);
  expect(step(back, -1)).toBe(back);
  expect(step(step(back, 1), 1)).toEqual(abc);
  expect(step(abc, 1)).toBe(abc);
  expect(visit(back, 9)).toEqual({ items: [1, 9], at: 1 });
  expect(visit(abc, 3)).toBe(abc);
});
