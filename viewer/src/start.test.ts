// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { requestedPointRenderer } from "./start";

test("the address chooses what draws the points", () => {
  expect(requestedPointRenderer("")).toBe("auto");
  expect(requestedPointRenderer("?points=webgl")).toBe("webgl");
  expect(requestedPointRenderer("?token=x&points=cpu")).toBe("cpu");
  expect(() => requestedPointRenderer("?points=gpu")).toThrow("points=gpu");
});
