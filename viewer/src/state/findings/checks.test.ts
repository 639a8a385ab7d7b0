import { expect, it } from "vitest";
import { smallApp } from "../../testing/small-map";

function storage(full = false) {
  const kept = new Map<string, string>();
  const getItem = (key: string) => kept.get(key) ?? null;
  const setItem = (key: string, text: string) => {
    if (full) throw new Error("the quota is exceeded");
    kept.set(key, text);
  };
  return { kept, getItem, setItem };
}

it("checked labels are read again by the same map, and left out where the label has changed", () => {
  const store = storage();
  const { checks } = smallApp({ digest: "abc", storage: store }); // the classes are cat, dog, cat, …
  checks.check([0, 2], "bird");
  checks.check([1], "dog");
  checks.check([2], null);
  const again = smallApp({ digest: "abc", storage: store }).checks;
  again.read();
  expect([...again.labels.value]).toEqual([
    [0, "bird"],
    [1, "dog"],
  ]);
  const relabeled = smallApp({ digest: "abc", storage: store, codes: [1, 1, 0, 0, 0, 0] }).checks;
  relabeled.read();
  expect([...relabeled.labels.value]).toEqual([[1, "dog"]]);
  const other = smallApp({ digest: "abd", storage: store }).checks;
  other.read();
  expect(other.labels.value.size).toBe(0);
});

it("checks that the browser cannot keep or read are reported", () => {
  const { checks } = smallApp({ digest: "abc", storage: storage(true) });
  expect(() => checks.check([0], "bird")).toThrow("no room for the checked labels");
  expect(checks.labels.value.get(0)).toBe("bird");
  const store = storage();
  store.kept.set("featscape-checks:abc", "[1");
  const damaged = smallApp({ digest: "abc", storage: store }).checks;
  expect(() => damaged.read()).toThrow("cannot be read. Check the labels again.");
  expect(damaged.labels.value.size).toBe(0);
  damaged.check([0], "bird");
  const again = smallApp({ digest: "abc", storage: store }).checks;
  again.read();
  expect([...again.labels.value]).toEqual([[0, "bird"]]);
});
