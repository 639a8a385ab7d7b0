// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { SilentStage, smallApp } from "../../testing/small-map";
import type { App } from "../app";
import { syncStage } from "../view/stage-sync";
import { decodeAddress } from "./address";
import { AddressSync } from "./address-sync";
import { restore } from "./restore";

interface Entry {
  state: unknown;
  hash: string;
}

/** A browser's history of one page: `go` requests a step, and `arrive` performs the step. */
class FakePage extends EventTarget {
  entries: Entry[] = [{ state: null, hash: "" }];
  at = 0;
  left = false; // the page itself
  private asked = 0;

  get entry(): Entry {
    return this.entries[this.at]!;
  }

  readonly location = ((page: FakePage) => ({
    get hash() {
      return page.entry.hash;
    },
    get href() {
      return page.entry.hash;
    },
  }))(this);

  readonly history = ((page: FakePage) => ({
    get state() {
      return page.entry.state;
    },
    replaceState(state: unknown, _: string, hash: string) {
      page.entries[page.at] = { state, hash };
    },
    pushState(state: unknown, _: string, hash: string) {
      page.entries.splice(++page.at, Infinity, { state, hash });
    },
    go(by: number) {
      page.asked += by;
    },
  }))(this);

  arrive(by = this.asked): void {
    this.asked = 0;
    if (by === 0) return;
    const before = this.entry.hash;
    this.at += by;
    if (this.at < 0) this.left = true;
    if (this.left) return;
    this.tell(before);
  }

  paste(hash: string): void {
    const before = this.entry.hash;
    this.entries.splice(++this.at, Infinity, { state: null, hash });
    this.tell(before);
  }

  private tell(before: string): void {
    this.dispatchEvent(Object.assign(new Event("popstate"), { state: this.entry.state }));
    if (this.entry.hash !== before) this.dispatchEvent(new Event("hashchange"));
  }
}

let page: FakePage;
let app: App;
let sync: AddressSync;
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  page = new FakePage();
  app = smallApp({ findings: [{ name: "labels", listed: [{ items: [2] }] }] });
  app.stage = new SilentStage();
  stop = syncStage(app, app.stage);
  sync = new AddressSync(app, page as unknown as Window);
  rest();
});

afterEach(() => {
  sync.stop();
  stop();
  vi.useRealTimers();
});

/** Time for what is written late, and for the browser to go where it was asked to. */
function rest(): void {
  vi.advanceTimersByTime(500);
  page.arrive();
  vi.advanceTimersByTime(500);
}

function back(): void {
  page.arrive(-1);
  rest();
}

/** A panel has been closed, and the browser is on its way back. */
function closeSlowly(): void {
  app.panels.openItem(1);
  rest();
  app.closePanel();
  vi.advanceTimersByTime(450);
}

it("Back closes one panel after the other, and then leaves the page", () => {
  app.select(Uint32Array.of(1, 2));
  app.panels.openItem(1);
  rest();
  back();
  expect(app.panels.side.value).toBe("selection");
  back();
  expect(app.panels.side.value).toBeNull();
  expect(page.left).toBe(false);
  back();
  expect(page.left).toBe(true);
});

it("Back by two entries closes two panels", () => {
  app.select(Uint32Array.of(1, 2));
  app.panels.openItem(1);
  rest();
  page.arrive(-2);
  rest();
  expect(app.panels.side.value).toBeNull();
  expect(page.left).toBe(false);
});

it("closing a panel removes its entry", () => {
  app.panels.openItem(1);
  rest();
  app.closePanel();
  rest();
  expect(page.at).toBe(0);
  back();
  expect(page.left).toBe(true);
});

it("closing an item above the selection removes both entries", () => {
  app.select(Uint32Array.of(1, 2));
  app.panels.openItem(1);
  rest();
  app.panels.show("selection");
  rest();
  expect(page.at).toBe(1);
  app.closePanel();
  rest();
  expect(page.at).toBe(0);
  expect(app.panels.side.value).toBeNull();
});

it("opening a neighbor from an item adds no entry", () => {
  app.panels.openItem(1);
  app.panels.openItem(2);
  rest();
  expect(page.at).toBe(1);
  expect(page.entry.hash).toContain("item=3");
});

it("Forward opens the item again and changes nothing else", () => {
  app.panels.openItem(2);
  rest();
  back();
  app.search.query.value = "png";
  rest();
  page.arrive(1);
  rest();
  expect(app.panels.item.value).toBe(2);
  expect(app.search.query.value).toBe("png");
});

it("Forward opens the findings again, and then the item above them", () => {
  app.openFindings("labels");
  rest();
  app.goTo(2);
  rest();
  back();
  expect(app.panels.side.value).toBe("findings");
  back();
  expect([app.panels.side.value, app.findings.section.value]).toEqual([null, null]);
  page.arrive(1);
  rest();
  expect([app.panels.side.value, app.findings.section.value?.name]).toEqual(["findings", "labels"]);
  page.arrive(1);
  rest();
  expect(app.panels.item.value).toBe(2);
});

it("Forward to a selection returns and changes nothing", () => {
  app.select(Uint32Array.of(1, 2));
  rest();
  back();
  app.search.query.value = "png";
  rest();
  page.arrive(1);
  rest();
  expect(page.at).toBe(0);
  expect(page.entry.hash).toContain("png");
  expect(app.search.query.value).toBe("png");
});

it("Back from a pasted address restores the previous view, also after a panel", () => {
  app.panels.openItem(1);
  rest();
  app.closePanel();
  app.search.query.value = "before";
  rest();
  page.paste("#find=pasted");
  rest();
  expect(app.search.query.value).toBe("pasted");
  back();
  expect(app.search.query.value).toBe("before");
  expect(page.entry.hash).toContain("before");
});

it("an address that is pasted while another waits to be written is not lost", () => {
  app.search.query.value = "before";
  page.entries.splice(++page.at, Infinity, { state: null, hash: "#find=pasted" });
  rest(); // the event of the new address comes later
  page.dispatchEvent(new Event("hashchange"));
  expect(app.search.query.value).toBe("pasted");
});

it("Back just after a panel was closed closes the panel below it", () => {
  app.select(Uint32Array.of(1, 2));
  app.panels.openItem(1);
  rest();
  app.closePanel();
  page.arrive(-1);
  rest();
  expect([app.panels.side.value, page.at, page.left]).toEqual([null, 0, false]);
});

it("Back just after the last panel was closed leaves the page", () => {
  app.panels.openItem(1);
  rest();
  app.closePanel();
  page.arrive(-1);
  rest();
  expect(page.left).toBe(true);
});

it("a slow browser goes back once while the view moves", () => {
  closeSlowly();
  sync.moved({ center: [1, 1, 0], scale: 2, turn: [0, 0, 0, 1] });
  vi.advanceTimersByTime(450);
  page.arrive();
  rest();
  expect(page.left).toBe(false);
  expect(page.at).toBe(0);
  expect(page.entry.hash).toContain("scale=2");
});

it("a panel opened while the browser goes back stays open", () => {
  closeSlowly();
  app.panels.openItem(2);
  vi.advanceTimersByTime(450);
  page.arrive();
  rest();
  expect(app.panels.item.value).toBe(2);
  expect(page.entry.hash).toContain("item=3"); // its id
  expect(page.at).toBe(1);
});

it("nothing is written after stop", () => {
  sync.stop();
  app.panels.openItem(1);
  rest();
  expect(page.entries).toHaveLength(1);
});

it("a whole map is fitted again on a page of another size", () => {
  app.navigation.fit(undefined, false);
  sync.moved(app.stage!.view());
  rest();
  const state = decodeAddress(page.entry.hash);
  expect(state.showsAll).toBe(true);
  const other = smallApp();
  const stage = new SilentStage();
  other.stage = stage;
  restore(other, state);
  expect(stage.calls.get("fit")).toMatchObject({ items: null });
  app.stage!.zoom(2);
  sync.moved(app.stage!.view());
  rest();
  expect(decodeAddress(page.entry.hash).showsAll).toBeUndefined();
});

it("an address names the items of its map, and the items of an earlier version are left out", () => {
  app.select(Uint32Array.of(1, 2));
  app.panels.openItem(1);
  rest();
  const state = decodeAddress(page.entry.hash);
  expect(state).toMatchObject({ digest: "00000000", selection: [3, 4], item: 4 });
  const same = smallApp();
  restore(same, state);
  expect([same.selection.count, same.panels.item.value]).toEqual([2, 1]);
  const later = smallApp({ digest: "1".repeat(64) });
  restore(later, { ...state, query: "png" });
  expect([later.selection.count, later.panels.side.value]).toEqual([0, null]);
  expect(later.search.query.value).toBe("png");
  expect(later.messages.error.value).toContain("belongs to an earlier version of this map");
  const { digest: _, ...before } = state; // of a page before digests
  restore(later, before);
  expect(later.selection.count).toBe(2);
});

it("Forward opens no item of an earlier version of the map", () => {
  app.panels.openItem(2);
  rest();
  back();
  page.entries[1] = { state: { depth: 1 }, hash: "#item=3&of=11111111" };
  page.arrive(1);
  rest();
  expect(app.panels.item.value).toBeNull();
});
