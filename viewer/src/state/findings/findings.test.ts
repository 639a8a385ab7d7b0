import { afterEach, describe, expect, it } from "vitest";
import { DIMMED, MATCHED } from "../../stage";
import { SilentStage, type SmallSection, settled, smallApp } from "../../testing/small-map";
import { restore } from "../address/restore";
import { syncStage } from "../view/stage-sync";

const SECTIONS: readonly SmallSection[] = [
  {
    name: "labels",
    layout: "items",
    listed: [
      { text: "One.", items: [2], suggested: "dog", neighbors: [1, 3] },
      { text: "Two.", items: [4] },
    ],
  },
  { name: "leaks", layout: "pairs", listed: [{ items: [0, 3, 5] }, { items: [1, 2] }] },
  { name: "classes", layout: "groups", listed: [{ items: [1, 4] }] },
  { name: "reliability", layout: "texts", listed: [{ text: "Good." }] },
];

let stop = () => {};
afterEach(() => stop());

function staged(findings: readonly SmallSection[] | null = SECTIONS) {
  const app = smallApp({ findings });
  const stage = new SilentStage();
  app.stage = stage;
  stop = syncStage(app, stage);
  return { app, calls: stage.calls };
}

describe("a section", () => {
  it("highlights its items on the map until the panel is closed", async () => {
    const { app, calls } = staged();
    app.openFindings("labels");
    await settled();
    expect(app.panels.side.value).toBe("findings");
    expect(calls.get("states")).toEqual([DIMMED, DIMMED, MATCHED, DIMMED, MATCHED, DIMMED]);
    app.closePanel();
    expect(app.panels.side.value).toBeNull();
    expect(app.findings.section.value).toBeNull();
    expect(calls.get("states")).toBeNull();
  });

  it("without items highlights nothing", async () => {
    const { app, calls } = staged();
    app.openFindings("reliability");
    await settled();
    expect(app.findings.rows.value).toHaveLength(1);
    expect(calls.get("states")).toBeNull();
  });

  it("that is opened while another is read is the one that is shown", async () => {
    const { app } = staged();
    app.openFindings("labels");
    app.openFindings("classes");
    await settled();
    expect(app.findings.rows.value?.map((row) => row.items)).toEqual([[1, 4]]);
  });

  it("that cannot be read shows why, and is read again later", async () => {
    const { app } = staged([{ name: "labels", listed: [{ items: [99] }] }]);
    app.openFindings("labels");
    await settled();
    expect(app.messages.error.value).toContain("is damaged");
    app.messages.error.value = null;
    app.openFindings("labels");
    await settled();
    expect(app.messages.error.value).toContain("is damaged");
  });

  it("of duplicates lists each group once", async () => {
    const { app } = staged();
    app.openFindings("leaks");
    await settled();
    expect(app.findings.rows.value?.map(({ items }) => items)).toEqual([
      [0, 3, 5],
      [1, 2],
    ]);
    expect(app.findings.items.value).toEqual(Uint32Array.of(0, 3, 5, 1, 2));
  });

  it("stays highlighted behind the selection, and a click leads back to it", async () => {
    const { app } = staged();
    app.openFindings("labels");
    await settled();
    app.select(Uint32Array.of(1));
    expect(app.panels.side.value).toBe("selection");
    expect(app.findings.items.value).toEqual(Uint32Array.of(2, 4));
    app.panels.show("findings");
    expect(app.findings.section.value?.name).toBe("labels");
  });
});

describe("the steps", () => {
  it("go through the findings in both directions and start again at the end", async () => {
    const { app } = staged();
    app.lists.step(1); // nothing is open
    app.openFindings("labels");
    await settled();
    const seen = [1, 1, 1, -1, -1].map((by) => {
      app.lists.step(by as 1 | -1);
      return app.findings.at.value;
    });
    expect(seen).toEqual([0, 1, 0, 1, 0]);
    expect(app.messages.announcement.value).toBe("1 of 2: One.");
  });

  it("draw lines to the neighbors of an item, between duplicates, and rings around a group", async () => {
    const { app, calls } = staged();
    const linksOf = async (name: string) => {
      app.openFindings(name);
      await settled();
      app.lists.step(1);
      return calls.get("links");
    };
    expect(await linksOf("labels")).toEqual({ from: 2, to: [1, 3] });
    expect(calls.get("focus")).toBe(2);
    expect(await linksOf("leaks")).toEqual({ from: 0, to: [3, 5] });
    expect(await linksOf("classes")).toEqual({ from: null, to: [1, 4] });
    app.closePanel();
    expect(calls.get("focus")).toBeNull();
  });

  it("show the item of each finding in an open item panel, which closes back to the list", async () => {
    const { app } = staged();
    app.openFindings("labels");
    await settled();
    app.lists.step(1);
    app.goTo(2);
    app.lists.step(1);
    expect(app.panels.side.value).toBe("item");
    expect(app.panels.item.value).toBe(4);
    app.escape();
    expect(app.panels.side.value).toBe("findings");
    expect(app.findings.at.value).toBe(1);
  });
});

describe("the filters", () => {
  /** Show the items of which "value", which is the number of the item, is in a range. */
  async function filtered(name: string) {
    const { app } = staged();
    const { findings } = app;
    app.openFindings(name);
    await settled();
    const show = async (lower: number, upper: number) => {
      app.setFilter("value", { kind: "range", lower, upper });
      await settled();
      return [findings.rows.value?.length, findings.items.value];
    };
    return { app, findings, show };
  }

  it("hide the findings without a shown item, but not the current finding for good", async () => {
    const { app, findings, show } = await filtered("labels");
    app.lists.step(-1);
    expect(await show(4, 5)).toEqual([1, Uint32Array.of(4)]);
    expect([findings.at.value, findings.current.value?.text]).toEqual([0, "Two."]);
    expect(await show(1, 3)).toEqual([1, Uint32Array.of(2)]);
    expect([findings.at.value, findings.current.value]).toEqual([-1, null]);
    expect(await show(5, 5)).toEqual([0, null]);
    app.lists.step(1);
    app.setFilter("value", null);
    expect([findings.at.value, findings.current.value?.text]).toEqual([1, "Two."]);
  });

  it("keep a group with a shown item, and highlight its shown items", async () => {
    const { findings, show } = await filtered("leaks");
    expect(await show(3, 4)).toEqual([1, Uint32Array.of(3)]);
    expect(findings.rows.value?.[0]?.items).toEqual([0, 3, 5]);
  });

  it("keep sentences without items", async () => {
    const { show } = await filtered("reliability");
    expect(await show(5, 5)).toEqual([1, null]);
  });
});

describe("an item", () => {
  it("has the label errors and duplicates about it, and each opens its section there", async () => {
    const { app } = staged();
    const found = await app.findings.of(2);
    expect(found.map(({ section, row }) => [section.name, row.text])).toEqual([
      ["labels", "One."],
      ["leaks", "A sentence."],
    ]);
    app.openFindings("leaks", found[1]?.row);
    await settled();
    expect(app.findings.current.value?.items).toEqual([1, 2]);
  });

  it("without findings has none, and neither has an item of a map without findings", async () => {
    expect(await staged([SECTIONS[0] as SmallSection]).app.findings.of(5)).toEqual([]);
    expect(await staged(null).app.findings.of(2)).toEqual([]);
  });
});

it("Escape leads from a section to the sections, and then to the map", async () => {
  const { app } = staged();
  app.openFindings("labels");
  app.escape();
  expect([app.panels.side.value, app.findings.section.value]).toEqual(["findings", null]);
  app.escape();
  expect(app.panels.side.value).toBeNull();
});

it("an address opens a section; an unknown section is ignored", async () => {
  const { app } = staged();
  restore(app, { finding: "unknown" });
  expect(app.panels.side.value).toBeNull();
  restore(app, { finding: "leaks" });
  await settled();
  expect(app.findings.section.value?.name).toBe("leaks");
});

it("a map without findings has no sections", () => {
  expect(staged(null).app.findings.sections).toBeNull();
});
