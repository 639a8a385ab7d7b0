// @vitest-environment happy-dom
import { expect, it, vi } from "vitest";
import { SourceError } from "../sources/error";
import { FADED } from "../stage";
import { button, press, root, shown } from "../testing/shown";
import { settled, smallApp } from "../testing/small-map";
import { rowSize } from "./side/FindingEntry";

const FINDINGS: NonNullable<Parameters<typeof smallApp>[0]>["findings"] = [
  {
    name: "labels",
    title: "Label errors",
    text: "2 labels are doubtful.",
    method: "By neighbors.",
    column: "value",
    n_findings: 7,
    listed: [
      { text: "<b>1</b> is wrong.", items: [2], suggested: "dog", neighbors: [1] },
      { text: "Two.", items: [4] },
    ],
  },
  { name: "leaks", title: "Leaks", layout: "pairs", listed: [{ text: "Same.", items: [0, 3] }] },
  { name: "off_topic", title: "Off topic", text: "None found.", listed: [] },
];

const PAIR = { text: "A copy.", items: [4, 5], suggested: "dog", neighbors: [] };

it("the findings are listed with their numbers, and F opens and closes them", async () => {
  const { app } = await shown({ findings: FINDINGS });
  press("f");
  await settled();
  const titles = () =>
    [...root.querySelectorAll(".fs-section-title")].map((each) => each.textContent);
  expect(titles()).toEqual(["Label errors7 items", "Leaks1 group", "Off topic0 items"]);
  expect(root.querySelectorAll("button.fs-section-button")).toHaveLength(2);
  press("f");
  await settled();
  expect(app.panels.side.value).toBeNull();
  const pack = { ...app.manifest.strings, size_px: 32 };
  Reflect.set(app.source, "manifest", { ...app.manifest, thumbnails: [pack] });
  button("Findings").click();
  await settled();
  expect(root.querySelector("aside")?.getAttribute("aria-label")).toBe("Findings");
  expect(titles()).toEqual(["Label errors7 images", "Leaks1 group", "Off topic0 images"]);
});

it("J and K step through the findings of a section, and Enter opens the item", async () => {
  const { app } = await shown({ findings: FINDINGS });
  app.openFindings("labels");
  await settled();
  const current = () => root.querySelector("[aria-current]")?.getAttribute("aria-posinset");
  app.navigation.cursor.value = 5; // of the arrow keys
  press("j");
  press("J");
  await settled();
  expect(current()).toBe("2");
  press("k");
  await settled();
  expect(current()).toBe("1");
  press("Enter", document.body);
  await settled();
  expect(app.panels.item.value).toBe(2);
});

it.each(["j", "u"])(
  "Enter opens the item after %s, also after a click on a button",
  async (key) => {
    const { app } = await shown({ findings: FINDINGS });
    root.tabIndex = 0; // the stage of this test
    app.openFindings("labels");
    await settled();
    const color = button("Color the map");
    color.focus();
    press(key, color);
    expect(document.activeElement).toBe(root);
    press("Enter", document.activeElement as Element);
    expect(app.panels.item.value).toBe(2);
  },
);

it("Y and U check the given and the suggested label and go on, and a click takes a check back", async () => {
  const { app } = await shown({
    findings: [{ ...FINDINGS[0], listed: [...(FINDINGS[0]?.listed.slice(0, 1) ?? []), PAIR] }],
  });
  app.openFindings("labels");
  await settled();
  press("y"); // no finding is current
  expect(app.checks.labels.value.size).toBe(0);
  expect(app.findings.at.value).toBe(0);
  press("u");
  press("y", root, { repeat: true });
  expect(app.checks.labels.value.size).toBe(1);
  press("y");
  await settled();
  expect([...app.checks.labels.value]).toEqual([
    [2, "dog"],
    [4, "cat"],
    [5, "cat"],
  ]);
  const choices = () => [...root.querySelectorAll<HTMLElement>(".fs-choice")];
  const pressed = () => choices().map((each) => each.getAttribute("aria-pressed"));
  expect(pressed()).toEqual(["false", "true", "true", "false"]);
  expect(button("Save 3 checked labels").title).toContain("--checked");
  choices()[2]?.click();
  await settled();
  expect([...app.checks.labels.value.keys()]).toEqual([2]);
});

it("the panel of an item whose label is to be checked has the label buttons", async () => {
  const { app } = await shown({ findings: FINDINGS });
  app.goTo(2);
  await settled();
  const choices = [...root.querySelectorAll<HTMLElement>(".fs-item-findings .fs-choice")];
  expect(choices.map((each) => each.textContent)).toEqual(["cat", "dog"]);
  choices[1]?.click();
  expect([...app.checks.labels.value]).toEqual([[2, "dog"]]);
  await settled();
  expect(choices[1]?.getAttribute("aria-pressed")).toBe("true");
});

it("the rows of labels are higher on a touch screen", async () => {
  vi.resetModules();
  vi.spyOn(window, "matchMedia").mockReturnValue({ matches: true } as MediaQueryList);
  const touch = await import("./side/FindingEntry");
  vi.restoreAllMocks();
  const finding = { text: "One.", items: [2], n_items: 1, suggested: "dog", neighbors: [] };
  expect(touch.rowSize(finding, "items", true).height).toBe(184);
  expect(rowSize(finding, "items", true).height).toBe(156);
  expect(touch.rowSize({ ...finding, suggested: null }, "items", true).height).toBe(156);
});

it("Y and U act on a finding that the panel shows, and on no other", async () => {
  const { app } = await shown({ findings: [{ ...FINDINGS[0], listed: [PAIR] }] });
  app.openFindings("labels");
  await settled();
  press("j");
  app.goTo(0); // another image covers the list
  press("u");
  expect(app.checks.labels.value.size).toBe(0);
  app.goTo(5);
  press("u");
  expect([...app.checks.labels.value.keys()]).toEqual([4, 5]);
  app.select(Uint32Array.of(0)); // the panel of the selection replaces the list
  press("y");
  expect([...app.checks.labels.value.values()]).toEqual(["dog", "dog"]);
});

it("after the last finding and after a failed check, Y and U stay at the finding", async () => {
  const listed = [{ ...PAIR, items: [2] }, PAIR];
  const { app } = await shown({ findings: [{ ...FINDINGS[0], listed }] });
  app.openFindings("labels");
  await settled();
  press("j");
  const check = vi.spyOn(app.checks, "check").mockImplementationOnce(() => {
    throw new SourceError("No room.");
  });
  press("u");
  expect([app.messages.error.value, app.findings.at.value]).toEqual(["No room.", 0]);
  press("u");
  expect([app.messages.note.value, app.findings.at.value]).toEqual([null, 1]);
  press("u");
  press("u");
  expect(check.mock.calls.map(([items]) => items)).toEqual([[2], [2], [4, 5], [4, 5]]);
  expect(app.findings.at.value).toBe(1);
  expect(app.messages.note.value).toBe("The last label of the list is checked.");
});

it("a map with checked labels saves the checked labels of the map, too", async () => {
  const { app } = await shown({
    findings: FINDINGS,
    checked: [null, "dog", null, null, null, null],
  });
  app.openFindings("labels");
  app.checks.check([2], "dog");
  await settled();
  expect(button("Save 1 checked label and those of the map").title).toContain("--checked");
});

it("the panel adds the checks of an earlier version of the map", async () => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, text: string) => void kept.set(key, text),
  };
  const early = smallApp({ digest: "abc", storage });
  early.check([2, 4], "dog");
  await settled();
  const { app } = await shown({ digest: "abd", storage, findings: FINDINGS });
  app.checks.read();
  app.openFindings("labels");
  await settled();
  button("Add 2 checks of an earlier version").click();
  await settled();
  expect([...app.checks.labels.value.keys()]).toEqual([2, 4]);
  expect(root.querySelector(".fs-actions")?.textContent).not.toContain("earlier version");
});

it("checks can be saved if the map has no labels to check", async () => {
  const { app } = await shown({ findings: [{ ...FINDINGS[0], n_findings: 0, listed: [] }] });
  app.openFindings(null);
  await settled();
  expect(root.querySelector(".fs-actions")?.childElementCount).toBe(0);
  app.checks.check([2], "dog");
  await settled();
  expect(button("Save 1 checked label").title).toContain("--checked");
});

it.each(["y", "u", "j"])("the first %s goes to the first label without a check", async (key) => {
  const listed = [[2], [4], [0]].map((items) => ({ ...PAIR, items }));
  const { app } = await shown({ findings: [{ ...FINDINGS[0], listed }] });
  app.check([2, 0], "dog");
  app.openFindings("labels");
  await settled();
  press(key);
  expect(app.findings.at.value).toBe(1);
  app.check([4], "dog");
  app.openFindings("labels");
  await settled();
  press(key);
  expect(app.findings.at.value).toBe(0); // all are checked
});

it("J before the findings of a section are read chooses the first finding", async () => {
  const { app } = await shown({ findings: FINDINGS });
  app.openFindings("labels");
  press("j");
  expect(app.findings.rows.value).toBeNull();
  await settled();
  expect(app.findings.at.value).toBe(0);
});

it("J and K choose a section in the list of the sections, and Enter opens it", async () => {
  const { app } = await shown({ findings: FINDINGS });
  app.toggleFindings();
  await settled();
  const chosen = () => root.querySelector(".fs-sections [aria-current]")?.textContent;
  press("j");
  await settled();
  expect(chosen()).toContain("Label errors");
  press("j");
  await settled();
  expect(chosen()).toContain("Leaks");
  press("j"); // the last section has no findings
  await settled();
  expect(chosen()).toContain("Label errors");
  press("k");
  press("Enter", document.body);
  await settled();
  expect(app.findings.section.value?.name).toBe("leaks");
});

it("Enter opens the first section with findings, and Enter again its first finding", async () => {
  const { app } = await shown({ findings: FINDINGS });
  app.toggleFindings();
  await settled();
  press("Enter", document.body);
  await settled();
  expect(app.findings.section.value?.name).toBe("labels");
  press("Enter", document.body);
  await settled();
  expect([app.findings.at.value, app.panels.item.value]).toEqual([0, 2]);
});

it("the buttons of long labels show the words that differ", async () => {
  const classes = ["Home > Mode > Hemd", "Home > Mode > Kleid"] as const;
  const listed = [{ ...PAIR, items: [2], suggested: classes[1] }];
  const { app } = await shown({ classes, findings: [{ ...FINDINGS[0], listed }] });
  app.openFindings("labels");
  await settled();
  expect(root.querySelector(".fs-relabel")?.textContent).toBe("label:…Hemdsuggested:…Kleid");
  expect(root.querySelector(".fs-choice .fs-name")?.getAttribute("title")).toBe(classes[0]);
  expect(root.querySelector(".fs-choice + .fs-muted + .fs-choice")?.getAttribute("title")).toBe(
    "Home > Mode > Kleid is the correct label (U)",
  );
});

it("a section shows its texts as text, and says how many findings the list omits", async () => {
  const { app } = await shown({ findings: FINDINGS });
  app.openFindings("labels");
  await settled();
  const panel = root.querySelector("aside");
  expect(panel?.textContent).toContain("<b>1</b> is wrong.");
  expect(panel?.querySelector("b")).toBeNull();
  expect(panel?.textContent).toContain("The list has the first 2 of 7");
  expect(panel?.querySelector(".fs-relabel")?.textContent).toBe("label:catsuggested:dog");
  expect(panel?.textContent).toContain("By neighbors.");
  button("Color the map").click();
  expect(app.colorBy.value).toBe("value");
  button("Select the first 2 items").click();
  expect([...app.selection.items.value]).toEqual([2, 4]);
  await settled();
  button("Label errors").click(); // leads back from the selection
  await settled();
  button("All findings").click();
  await settled();
  expect(root.querySelectorAll(".fs-section-button")).toHaveLength(3);
});

it("the button of the selection names the duplicates that the list omits", async () => {
  const listed = [
    { text: "One.", items: [2, 3, 4] },
    { text: "Two.", items: [1] },
  ];
  const { app } = await shown({ findings: [{ name: "labels", listed }] });
  app.openFindings("labels");
  await settled();
  expect(root.querySelector(".fs-side .fs-number")?.textContent).toBe("2 items");
  button("Select 4 items with duplicates").click();
  expect([...app.selection.items.value]).toEqual([2, 3, 4, 1]);
});

it("a click on a finding makes it the current one", async () => {
  const { app } = await shown({ findings: FINDINGS });
  app.openFindings("leaks");
  await settled();
  root.querySelector<HTMLElement>(".fs-finding")?.click();
  await settled();
  expect(app.findings.at.value).toBe(0);
  expect(root.querySelectorAll(".fs-pair-image")).toHaveLength(2);
  expect(root.querySelector(".fs-pair-caption")?.textContent).toContain("train");
});

it("a group of duplicates is one row, whose images are compared with the first", async () => {
  const listed = [
    { text: "Copies.", items: [0, 1, 2, 3, 4, 5, 3, 4], n_items: 30 },
    { text: "Copies.", items: [4, 5] },
  ];
  const { app } = await shown({ findings: [{ name: "copies", layout: "pairs", listed }] });
  const pack = { ...app.manifest.strings, size_px: 32 };
  Reflect.set(app.source, "manifest", { ...app.manifest, thumbnails: [pack] });
  app.openFindings("copies");
  await settled();
  const rows = () => [...root.querySelectorAll<HTMLElement>(".fs-finding")];
  const compared = () =>
    [...(rows()[0]?.querySelectorAll<HTMLElement>(".fs-pair button") ?? [])].map(
      ({ title }) => title,
    );
  const others = () => [...(rows()[0]?.querySelectorAll<HTMLElement>(".fs-strip button") ?? [])];
  expect(root.querySelector(".fs-side .fs-number")?.textContent).toBe("2 groups");
  expect(rows().map((row) => row.style.height)).toEqual(["318px", "206px"]);
  expect(rows()[0]?.textContent).toContain("30 images. Choose one to compare it with the first.");
  expect(rows()[0]?.textContent).toContain("and 24 more");
  expect(rows()[1]?.querySelector(".fs-strip")).toBeNull();
  expect(others()).toHaveLength(5);
  expect(compared()).toEqual(["cat, a/1.png", "dog, a/2.png"]);
  expect(others()[0]?.getAttribute("aria-pressed")).toBe("true");
  others()[3]?.click();
  await settled();
  expect([app.findings.at.value, app.panels.item.value]).toEqual([0, null]);
  expect(root.querySelector(".fs-side .fs-number")?.textContent).toBe("1 / 2 groups");
  expect(compared()).toEqual(["cat, a/1.png", others()[3]?.title]);
  expect(
    others()
      .map((each) => each.getAttribute("aria-pressed"))
      .indexOf("true"),
  ).toBe(3);
  expect(others()).toHaveLength(7); // the current row shows all
  expect(rows()[0]?.style.height).toBe("394px");
  press("j");
  await settled();
  expect(app.findings.at.value).toBe(1);
  expect(button("Select the first 6 images")).toBeTruthy(); // not all images of the group are listed
});

it("a section of which only the first findings are listed counts both", async () => {
  const { app } = await shown({ findings: FINDINGS });
  app.openFindings("labels");
  await settled();
  expect(root.querySelector(".fs-side .fs-number")?.textContent).toBe("2 of 7");
  expect(button("Select the first 2 items")).toBeTruthy();
  press("j");
  await settled();
  expect(root.querySelector(".fs-side .fs-number")?.textContent).toBe("1 / 2 of 7");
  app.setFilter("value", { kind: "range", lower: 4, upper: 5 });
  await settled();
  expect(root.querySelector(".fs-side .fs-number")?.textContent).toBe("1 of the first 2");
  expect(root.querySelector(".fs-note")?.textContent).toContain("The filters hide 1 finding.");
  expect(root.querySelectorAll(".fs-finding")).toHaveLength(1);
});

it("filters that hide a part of a complete list count against all findings", async () => {
  const listed = [{ items: [2] }, { items: [4] }];
  const { app } = await shown({ findings: [{ name: "labels", listed }] });
  app.openFindings("labels");
  app.setFilter("value", { kind: "range", lower: 4, upper: 5 });
  await app.readColumns(["value"]);
  await settled();
  expect(root.querySelector(".fs-side .fs-number")?.textContent).toBe("1 of 2");
});

it("findings without images are sentences that J and K do not choose", async () => {
  const listed = [{ text: "Good." }, { text: "Bad." }];
  const { app } = await shown({ findings: [{ name: "reliability", layout: "texts", listed }] });
  app.openFindings("reliability");
  await settled();
  press("j");
  await settled();
  expect([...root.querySelectorAll(".fs-sentences li")].map((each) => each.textContent)).toEqual([
    "Good.",
    "Bad.",
  ]);
  expect([app.findings.at.value, root.querySelector("[aria-current]")]).toEqual([-1, null]);
});

it("a row of East Asian letters, which are wide, is as high as two rows of Latin letters", () => {
  const finding = { items: [0, 1], n_items: 2, suggested: null, neighbors: [] };
  const linesOf = (text: string) => rowSize({ ...finding, text }, "groups", true).nLines;
  expect(linesOf("猫".repeat(100))).toBe(linesOf("cat ".repeat(50)));
  expect(linesOf("猫".repeat(100))).toBe(5);
});

it("a long section renders only the visible rows", async () => {
  const listed = Array.from({ length: 500 }, () => ({ text: "Same.", items: [0] }));
  const { app } = await shown({ findings: [{ name: "labels", listed }] });
  app.openFindings("labels");
  await settled();
  expect(root.querySelectorAll(".fs-finding").length).toBeLessThan(20);
  expect(root.querySelector<HTMLElement>(".fs-finding-list ol")?.style.height).toBe("69000px");
});

it.each([
  ["items", ["156px", "258px"], "9"],
  ["pairs", ["206px", "274px"], "6"],
  ["groups", ["134px", "202px"], "6"],
] as const)("a row of %s is as high as its text needs", async (layout, heights, nLines) => {
  const text =
    "a/1.png resembles dog more than its label cat: 7 of its 8 nearest neighbors are dog.";
  const suggested = layout === "items" ? "dog" : null;
  const listed = [1, 3].map((times) => ({ text: text.repeat(times), items: [0, 1], suggested }));
  const { app } = await shown({ findings: [{ name: "found", layout, listed }] });
  const pack = { ...app.manifest.strings, size_px: 32 };
  Reflect.set(app.source, "manifest", { ...app.manifest, thumbnails: [pack] });
  app.openFindings("found");
  await settled();
  const rows = [...root.querySelectorAll<HTMLElement>(".fs-finding")];
  expect(rows.map((row) => row.style.height)).toEqual(heights);
  expect(rows[1]?.style.getPropertyValue("--fs-lines")).toBe(nLines);
});

it("a finding about several images is as high as its images need, and one without is low", async () => {
  const long = { items: [], text: "A long sentence. ".repeat(9) };
  const listed = [{ items: [0, 1, 2, 3, 4, 5] }, { items: [0] }, { items: [] }, long];
  const { app } = await shown({ findings: [{ name: "classes", layout: "groups", listed }] });
  app.openFindings("classes");
  await settled();
  const found = [...root.querySelectorAll<HTMLElement>(".fs-finding")];
  expect(found.map((row) => row.style.height)).toEqual(["106px", "82px", "72px", "89px"]);
  expect(found[2]?.style.transform).toBe("translateY(188px)");
  const pack = { ...app.manifest.strings, size_px: 32 };
  Reflect.set(app.source, "manifest", { ...app.manifest, thumbnails: [pack] });
  app.openFindings(null);
  await settled();
  app.openFindings("classes");
  await settled();
  const larger = [...root.querySelectorAll<HTMLElement>(".fs-finding")];
  expect(larger.map((row) => row.style.height)).toEqual(["210px", "134px", "72px", "89px"]);
});

it("a map without findings says how to compute them", async () => {
  await shown();
  press("f");
  await settled();
  expect(root.querySelector("aside")?.textContent).toContain(
    "This map has no findings. featscape findings MAP lists them and featscape report MAP writes them as one page, without making the map again. To show the findings here, make the map again with --force and without --no-findings.",
  );
});

it("the colors of the findings are a group of the menu, with a note below", async () => {
  const { app } = await shown();
  const finding = { title: "torn", note: "A share.", is_share: true, threshold: null };
  const columns = app.manifest.columns.map((each) =>
    each.name === "value" ? { ...each, finding } : each,
  );
  Reflect.set(app.source, "manifest", { ...app.manifest, columns });
  app.colorBy.value = "value";
  await settled();
  const group = root.querySelector("optgroup");
  expect(group?.label).toBe("Findings");
  expect([...(group?.children ?? [])].map((each) => each.textContent)).toEqual(["torn"]);
  expect(root.querySelector(".fs-color-by > select > option")?.textContent).toBe("label");
  expect(root.querySelector(".fs-legend")?.textContent).toContain("A share.");
});

it("the facts of an item explain the values of the findings", async () => {
  const { app } = await shown();
  const finding = { title: "torn", note: "A share.", is_share: true, threshold: null };
  const columns = app.manifest.columns.map((each) =>
    each.name === "value" ? { ...each, finding } : each,
  );
  Reflect.set(app.source, "manifest", { ...app.manifest, columns });
  app.panels.openItem(1);
  await settled();
  const notes = [...root.querySelectorAll(".fs-fact-note")].map((each) => each.textContent);
  expect(notes).toEqual(["A share."]);
});

it("the card draws lines to the neighbors that are elsewhere, unless a panel shows its own", async () => {
  const { app, calls } = await shown();
  const torn = { item: 2, elsewhere: [4], total: 12 };
  vi.spyOn(app.items, "tornNeighbors").mockResolvedValue(torn);
  app.navigation.hover.value = { item: 2, at: { x: 9, y: 9 }, region: null };
  await settled(200);
  expect(root.querySelector(".fs-card")?.textContent).toContain(
    "1 of the 12 most similar items are elsewhere on the map",
  );
  expect(calls.get("links")).toEqual({ from: 2, to: [4] });
  app.panels.neighbors.value = [1, 3];
  expect(calls.get("links")).toMatchObject({ to: [1, 3] });
  app.panels.neighbors.value = [];
  app.navigation.hover.value = null;
  await settled();
  expect(calls.get("links")).toEqual({ from: null, to: [] });
});

it("items of which most neighbors on the map are not similar are faded, until the section closes", async () => {
  const reliability = { name: "reliability", layout: "texts", listed: [{ text: "KNN." }] } as const;
  const { app, calls } = await shown({
    findings: [reliability],
    falseFriends: [0, 0.5, 0.51, 1, 0.2, Number.NaN],
  });
  app.openFindings("reliability");
  await settled();
  button("Fade false friends").click();
  await settled();
  expect(calls.get("states")).toEqual([0, 0, FADED, FADED, 0, 0]);
  expect(button("Fade false friends").getAttribute("aria-pressed")).toBe("true");
  button("All findings").click();
  await settled();
  expect(calls.get("states")).toBeNull();
});

it("the card warns of an item of which most neighbors on the map are not similar", async () => {
  const { app } = await shown({ falseFriends: [0, 0.5, 0.51, 1, 0.2, 0] });
  for (const item of [1, 2]) {
    app.navigation.hover.value = { item, region: null, at: { x: 9, y: 9 } };
    await settled(200);
    const text = root.querySelector(".fs-card")?.textContent;
    const warns = text?.includes("51% of the nearest items on the map are not similar");
    expect(warns).toBe(item === 2);
  }
});

it("a small map tears no neighbors apart, and empty entries are no neighbors", async () => {
  const { app } = await shown();
  expect(await app.items.tornNeighbors(0)).toEqual({ item: 0, elsewhere: [], total: 2 });
});

it("an item shows the findings about it, and a click opens the list there", async () => {
  const { app } = await shown({ findings: FINDINGS });
  app.goTo(4);
  await settled();
  const found = root.querySelector<HTMLElement>(".fs-item-findings button");
  expect(found?.textContent).toBe("Label errorsTwo.");
  found?.click();
  await settled();
  expect(root.querySelector("[aria-current]")?.getAttribute("aria-posinset")).toBe("2");
});
