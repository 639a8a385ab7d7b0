import { describe, expect, it } from "vitest";
import { smallApp } from "../../testing/small-map";
import {
  importSelections,
  NamedSelections,
  parseSelections,
  selectionsText,
} from "./named-selections";

const DIGEST = "0".repeat(64); // of the small map
const ITEMS = { digest: DIGEST, nItems: 6 };

class MemoryStorage {
  readonly texts = new Map<string, string>();
  constructor(private readonly most = Number.POSITIVE_INFINITY) {}
  getItem(key: string): string | null {
    return this.texts.get(key) ?? null;
  }
  setItem(key: string, text: string): void {
    if (text.length > this.most) throw new Error("quota exceeded");
    this.texts.set(key, text);
  }
}

function opened(storage: MemoryStorage | null = new MemoryStorage()) {
  const named = NamedSelections.of(smallApp().manifest, storage);
  if (!named) throw new Error("no digest");
  return named;
}

const listed = ({ list }: NamedSelections) =>
  list.value.map(({ name, ids }) => [name, [...ids]] as const);

describe("named selections", () => {
  it("are kept by the browser, sorted, for maps of the same items", () => {
    const storage = new MemoryStorage();
    const named = opened(storage);
    named.keep("dogs", [4, 1, 4]);
    named.keep("cats", [2]);
    const later = opened(storage);
    later.read();
    expect(listed(later)).toEqual([
      ["cats", [2]],
      ["dogs", [1, 4]],
    ]);
    expect([...storage.texts.keys()]).toEqual([`featscape-selections:${DIGEST}`]);
    later.remove("cats");
    named.keep("eels", [0]); // the other tab has removed one
    expect(listed(named).map(([name]) => name)).toEqual(["dogs", "eels"]);
  });

  it("are replaced by a selection of the same name", () => {
    const named = opened();
    named.keep("dogs", [1]);
    named.keep("dogs", [2, 3]);
    expect(listed(named)).toEqual([["dogs", [2, 3]]]);
  });

  it.each([null, new MemoryStorage(10)])(
    "last for this visit if the browser does not keep them, and an error says so",
    (storage) => {
      const named = opened(storage);
      expect(() => named.keep("dogs", [1])).toThrow("does not keep the selections");
      expect(listed(named)).toEqual([["dogs", [1]]]);
    },
  );

  it("that are damaged are reported, and replaced by the next selection", () => {
    const storage = new MemoryStorage();
    const named = opened(storage);
    storage.setItem(named.key, "{");
    expect(() => named.read()).toThrow("not JSON");
    named.keep("dogs", [1]);
    named.read();
    expect(listed(named)).toEqual([["dogs", [1]]]);
  });

  it("do not exist for a bundle without a digest", () => {
    const { manifest } = smallApp();
    expect(NamedSelections.of({ ...manifest, items_digest: null }, null)).toBeNull();
  });
});

describe("a file of selections", () => {
  it("is imported as it was exported", () => {
    const named = opened();
    named.keep("größe “x”", [5, 0]);
    const other = opened();
    other.import(named.export());
    other.import(named.export());
    expect(listed(other)).toEqual([["größe “x”", [0, 5]]]);
  });

  it("does not replace a selection of the same name", () => {
    const named = opened();
    named.keep("dogs", [1]);
    named.import(selectionsText([{ name: "dogs", ids: Uint32Array.of(2) }], ITEMS));
    named.import(selectionsText([{ name: "dogs", ids: Uint32Array.of(3) }], ITEMS));
    expect(listed(named)).toEqual([
      ["dogs", [1]],
      ["dogs (2)", [2]],
      ["dogs (3)", [3]],
    ]);
  });

  it("of other images is refused", () => {
    const text = selectionsText([], { ...ITEMS, digest: "1".repeat(64) });
    expect(() => parseSelections(text, ITEMS)).toThrow("a map of other images");
  });

  const file = (selections: unknown) =>
    JSON.stringify({
      format: "featscape-selections",
      version: 1,
      items_digest: DIGEST,
      selections,
    });
  const named = (name: unknown, ids: unknown) => file([{ name, ids }]);

  it.each([
    "[",
    "null",
    "[]",
    '{"format": "featscape-bundle", "version": 1}',
    JSON.stringify({ format: "featscape-selections", version: 2 }),
    file(null),
    file([null]),
    file(Array.from({ length: 501 }, (_, i) => ({ name: `${i}`, ids: [] }))),
    file([
      { name: "a", ids: [] },
      { name: " a ", ids: [] },
    ]),
    named("", []),
    named(7, []),
    named("x".repeat(101), []),
    named("a", null),
    named("a", [6]),
    named("a", [-1]),
    named("a", [0.5]),
    named("a", ["0"]),
  ])("that is damaged is refused: %.60s", (text) => {
    expect(() => parseSelections(text, ITEMS)).toThrow(/cannot be read|other images/);
  });

  it("that is too large is not read", async () => {
    const app = smallApp();
    const large = { size: 2 ** 27, text: () => Promise.reject(new Error("read")) } as Blob;
    await importSelections(app, large);
    expect(app.messages.error.value).toContain("at most 64 MiB");
  });
});
