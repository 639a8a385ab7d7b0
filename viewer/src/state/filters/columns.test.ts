import { expect, it } from "vitest";
import type { Manifest } from "../../contract";
import { smallApp } from "../../testing/small-map";
import { selectionCsv } from "../exports/exports";
import { columnFacts } from "../items/item-details";
import { searchedColumns } from "../search/haystack";
import { columnNote, columnTitle, DUPLICATE_GROUP, endTexts, valueText } from "./columns";

/** The small map, whose numbers and categories are findings. */
function withFindings(): Manifest {
  const { manifest } = smallApp();
  const finding = { title: "false friends", note: "A share.", is_share: true, threshold: null };
  const columns = manifest.columns.map((each) =>
    each.kind === "text" ? each : { ...each, finding },
  );
  return { ...manifest, columns };
}

it("agreement and shares are percentages, other columns are plain numbers", () => {
  const { manifest } = smallApp();
  expect(valueText(manifest, "agreement", 2 / 3)).toBe("67%");
  expect(valueText(manifest, "value", 0.25)).toBe("0.25");
  expect(valueText(withFindings(), "value", 0.25)).toBe("25%");
});

it.each([
  ["value", [-5.3, 5.393], ["−5.300", "5.393"]],
  ["value", [-3, 1995], ["−3", "1995"]],
  ["value", [0, 0.5], ["0.0000", "0.5000"]],
  ["value", [0.0012, 8103], ["0.0012", "8103"]],
  ["value", [-2e-6, 3e-6], ["−2.0e-6", "3.0e-6"]],
  ["agreement", [0, 1], ["0%", "100%"]],
] as const)("the ends of a range of %s, %j, have equal decimals", (name, ends, texts) => {
  expect(endTexts(smallApp().manifest, name, ends)).toEqual(texts);
});

it("a column of the findings has a title for people, also among the facts of an item", () => {
  const manifest = withFindings();
  expect(columnTitle(manifest, "value")).toBe("false friends");
  expect(columnTitle(manifest, "note")).toBe("note");
  const item = { id: 0, label: null, path: null, width: null, height: null };
  expect(columnFacts({ ...item, columns: { value: 0.5 } }, manifest)).toEqual([
    ["false friends", "50%"],
  ]);
});

it("the search covers no column of the findings, which the server does not search", () => {
  expect(searchedColumns(smallApp().manifest)).toEqual(["path", "label", "note", "split"]);
  expect(searchedColumns(withFindings())).toEqual(["path", "label", "note"]);
});

it("a bundle of an earlier release, without `finding`, has no columns of findings", () => {
  const { manifest } = smallApp();
  const columns = manifest.columns.map(({ ...column }) => {
    Reflect.deleteProperty(column, "finding");
    return column;
  });
  expect(searchedColumns({ ...manifest, columns })).toEqual(["path", "label", "note", "split"]);
});

it("the groups of duplicates are in the table, and color no map", async () => {
  const { manifest } = smallApp();
  const columns = manifest.columns.map((each) =>
    each.name === "value" ? { ...each, name: DUPLICATE_GROUP } : each,
  );
  const app = smallApp({}, { manifest: { ...manifest, columns } });
  expect(app.colorColumns).toEqual(["label", "split"]);
  expect(app.facets).toEqual(["split"]);
  const lines = (await selectionCsv(app, Uint32Array.of(0, 1))).split("\r\n");
  expect(lines.slice(0, 3)).toEqual([
    "id,path,label,duplicate_group,split,note",
    "4,a/2.png,dog,1,,",
    "5,a/1.png,cat,,train,",
  ]);
});

it("the label agreement, the sizes and the columns of the findings have a note", () => {
  const note = (name: string) => columnNote(withFindings(), name);
  expect(note("agreement")).toContain("the same label");
  expect(note("width")).toBe("width of the image in pixels");
  expect(note("value")).toBe("A share.");
  expect(columnNote(smallApp().manifest, "split")).toBeUndefined();
});
