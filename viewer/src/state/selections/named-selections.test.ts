import { describe, expect, it } from "vitest";
import { smallApp } from "../../testing/small-map";
import type { App } from "../app";
import {
  exportSelections,
  importSelections,
  NamedSelections,
  parseSelections,
  selectionsText,
  takeOverSelections,
} from "./named-selections";

const PATHS = [0, 1, 2, 3, 4, 5].map((i) => `a/${i}.png`);
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
    expect([...storage.texts.keys()]).toContain(`featscape-selections:${DIGEST}`);
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
      expect(() => named.keep("dogs", [1])).toThrow("keeps the selections only for this visit");
      expect(listed(named)).toEqual([["dogs", [1]]]);
    },
  );

  it("are kept without their paths if the browser has no room for the paths", async () => {
    const storage = new MemoryStorage(300);
    const { app, named } = mapWith({
      storage,
      paths: PATHS.map((path) => "long/".repeat(20) + path),
    });
    app.select(Uint32Array.of(1, 2));
    await app.keepSelection("dogs");
    expect(app.messages.error.value).toContain("only for this version of the map");
    named.read();
    expect(listed(named)).toEqual([["dogs", [3, 4]]]);
  });

  it("are offered to a later version of the map, until it has them", async () => {
    const storage = new MemoryStorage();
    const { app } = mapWith({ storage, paths: PATHS });
    app.select(Uint32Array.of(1, 5));
    await app.keepSelection("dogs");
    const later = mapWith({ ...LATER, storage });
    later.named.read();
    expect(listed(later.named)).toEqual([]);
    expect(later.named.others.value).toEqual([DIGEST]);
    later.named.keep("new", [0]);
    await takeOverSelections(later.app);
    expect(listed(later.named).map(([name, ids]) => [name, ids.length])).toEqual([
      ["dogs", 1],
      ["new", 1],
    ]);
    expect(later.app.messages.note.value).toBe("1 of 2 items found");
    later.named.read();
    expect(later.named.others.value).toEqual([]);
  });

  it("are offered again if no image of a selection was found", async () => {
    const storage = new MemoryStorage();
    const { app } = mapWith({ storage, paths: PATHS });
    for (const [name, item] of [
      ["dogs", 1],
      ["gone", 5],
    ] as const) {
      app.select(Uint32Array.of(item));
      await app.keepSelection(name);
    }
    const later = mapWith({ ...LATER, storage });
    later.named.read();
    await takeOverSelections(later.app);
    expect(listed(later.named).map(([name]) => name)).toEqual(["dogs"]);
    expect(later.app.messages.note.value).toBe("1 of 2 items found; no item of gone");
    later.named.read();
    expect(later.named.others.value).toEqual([DIGEST]);
  });

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

/** A map, and the selections that its browser keeps. */
function mapWith(map: Parameters<typeof smallApp>[0] = {}) {
  const app = smallApp({ storage: new MemoryStorage(), ...map });
  if (!app.named) throw new Error("no digest");
  return { app, named: app.named };
}

const imported = (app: App, text: string) => importSelections(app, new Blob([text]));

/** A later version of the map: an image is new, and one is gone. */
const LATER = {
  digest: "1".repeat(64),
  paths: ["a/new.png", "a/0.png", "a/1.png", "a/2.png", "a/3.png", "a/4.png"],
};

describe("a file of selections", () => {
  it("is imported as it was exported", async () => {
    const { app, named } = mapWith();
    named.keep("größe “x”", [5, 0]);
    const other = mapWith();
    await imported(other.app, await exportSelections(app));
    await imported(other.app, await exportSelections(app));
    expect(listed(other.named)).toEqual([["größe “x”", [0, 5]]]);
    expect(other.app.messages.error.value).toBeNull();
  });

  it("does not replace a selection of the same name", async () => {
    const { app, named } = mapWith();
    named.keep("dogs", [1]);
    for (const id of [2, 3])
      await imported(app, selectionsText([{ name: "dogs", ids: Uint32Array.of(id) }], DIGEST));
    expect(listed(named)).toEqual([
      ["dogs", [1]],
      ["dogs (2)", [2]],
      ["dogs (3)", [3]],
    ]);
  });

  it("of another version of the map finds the images by their paths", async () => {
    const { app, named } = mapWith({ ids: [0, 1, 2, 3, 4, 5], paths: PATHS });
    named.keep("dogs", [1, 4, 5]);
    named.keep("gone", [5]);
    const later = mapWith({ ...LATER, ids: [5, 4, 3, 2, 1, 0] });
    await imported(later.app, await exportSelections(app));
    expect(listed(later.named)).toEqual([["dogs", [0, 3]]]); // the ids of a/1.png and a/4.png
    expect(later.app.messages.note.value).toBe("2 of 3 items found; no item of gone");
  });

  it("of other images is refused", async () => {
    const { app, named } = mapWith(LATER);
    const list = [{ name: "dogs", ids: Uint32Array.of(1), paths: ["b/1.png"] }];
    for (const text of [selectionsText(list, DIGEST), file([{ name: "dogs", ids: [1] }])]) {
      app.messages.error.value = null;
      await imported(app, text);
      expect(app.messages.error.value).toContain("a map of other items");
    }
    expect(listed(named)).toEqual([]);
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
    file([{ name: "a", ids: [0], paths: ["a.png", 7] }]),
    file([{ name: "a", ids: [0], paths: "a.png" }]),
  ])("that is damaged is refused: %.60s", (text) => {
    expect(() => parseSelections(text, ITEMS)).toThrow("cannot be read");
  });

  it("that is too large is not read", async () => {
    const app = smallApp();
    const large = { size: 2 ** 27, text: () => Promise.reject(new Error("read")) } as Blob;
    await importSelections(app, large);
    expect(app.messages.error.value).toContain("at most 64 MiB");
  });
});
