import { expect, it } from "vitest";
import { NOWHERE, step, walkTo } from "./walk";

it("goes back and forward, and forgets what lay ahead of a new turn", () => {
  const abc = [1, 2, 3].reduce(walkTo, NOWHERE);
  const back = step(step(abc, -1), -1);
  expect(back.items[back.at]).toBe(1);
  expect(step(back, -1)).toBe(back);
  expect(step(step(back, 1), 1)).toEqual(abc);
  expect(step(abc, 1)).toBe(abc);
  expect(walkTo(back, 9)).toEqual({ items: [1, 9], at: 1 });
  expect(walkTo(abc, 3)).toBe(abc);
});
