// @vitest-environment happy-dom
import { expect, it, vi } from "vitest";
import { showFailure } from "./start-screen";

it("a failure shows the static picture until the picture fails to load", () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const root = document.createElement("div");
  showFailure(root, new Error("The map has changed."), { picture: "scatter.png" });
  const picture = root.querySelector("img");
  expect(picture?.getAttribute("src")).toBe("scatter.png");
  picture?.dispatchEvent(new Event("error"));
  expect(root.querySelector("img")).toBeNull();
  expect(root.textContent).toBe("The map has changed.");
});
