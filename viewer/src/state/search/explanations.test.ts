import { expect, it } from "vitest";
import { smallApp } from "../../testing/small-map";
import { explainColumn, explainNumber } from "./explanations";

// the labels are cat and dog, the categories of the column "split" train and test
const { manifest } = smallApp({ taken: [0, 1, 2, 3, 4, 5] });

it.each([
  ["label:dgo", "The values of “label” are dog, cat. The legend"],
  ["LABEL:dgo", "The values of “label” are dog, cat. The legend"],
  ["label:cta taken:2026", "The values of “label” are cat, dog."],
  ["split:tset", "The values of “split” are test, train."],
  ["note:night", "No value of the column “note” contains “night”."],
  ["path:zebra.png", "No value of the column “path” contains “zebra.png”."],
  ["species:cow", "The labels are the column “label”."],
  ["species:cat", "The labels are the column “label”: search for label:cat."],
  ['"my species":cat', "The labels are the column “label”: search for label:cat."],
])("explains why %s finds nothing", (query, reason) => {
  expect(explainColumn(query, manifest)).toContain(reason);
});

it.each(["label:cat", '"label"', "at night:", "cat dog"])(
  "does not explain %s, whose values exist or may exist",
  (query) => expect(explainColumn(query, manifest)).toBeNull(),
);

it.each([
  ["label:", "needs a value after “label:”, without a space. The values of “label” are cat, dog."],
  ["LABEL: cat", "needs a value after “LABEL:”, without a space. The values of “label”"],
  ["cat split:", "needs a value after “split:”, without a space. The values of “split” are train,"],
  [
    "value:",
    "needs a value after “value:”, without a space. The values of “value” are from 1 to 5.",
  ],
  ["note:", "The column needs a value after “note:”, without a space."],
])("explains that %s has no value", (query, reason) => {
  expect(explainColumn(query, manifest)).toContain(reason);
});

it.each([
  [
    "label:cat label:dog",
    "An item has one value of “label”, and none contains both “cat” and “dog”.",
  ],
  ["label:cat note:night", "No item has all of these words and values."],
  ["zebra value:1..5", "No item has all of these words and values."],
  ["zebra value:7..", "The values of “value” are from 1 to 5."],
])("explains %s, whose values exist apart", (query, reason) => {
  expect(explainColumn(query, manifest)).toContain(reason);
});

it("does not say that two texts of one label exclude each other", () => {
  const { manifest } = smallApp({ classes: ["sea lion", "cat"] });
  expect(explainColumn("label:sea label:lion cow", manifest)).toContain("No item has all");
});

it.each(["💥", "*", "()[]*", "5 6", "-"])("%s is no number to search a column for", (query) => {
  expect(explainNumber(query, manifest)).toBeNull();
});

it("names no chart of the groups of duplicates, which have none", () => {
  const columns = manifest.columns.map((each) =>
    each.name === "value" ? { ...each, name: "duplicate_group" } : each,
  );
  expect(explainColumn("duplicate_group:9", { ...manifest, columns })).toBe(
    "The values of “duplicate_group” are from 1 to 5. Search for a range, such as duplicate_group:1..5.",
  );
});

it("names ten labels, the most similar first, and counts the others", () => {
  const { manifest } = smallApp({ classes: ["ant", "bee", "birds", ..."cdefghijk"] });
  expect(explainColumn("label:brids", manifest)).toMatch(
    /^The values of “label” are birds, .* and 2 more\. /,
  );
});

it("puts labels in quotes if one contains a comma", () => {
  const { manifest } = smallApp({ classes: ["clear", "noisy, tiny"] });
  expect(explainColumn("label:noise", manifest)).toContain(" are “noisy, tiny”, “clear”. The");
});

it("explains that a map has no labels", () => {
  const { manifest } = smallApp({ classes: null });
  expect(explainColumn("label:cat", manifest)).toBe("This map has no labels.");
});
