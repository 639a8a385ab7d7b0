import { expect, it } from "vitest";
import { nameParts } from "./names";

function parts(names: string[]): (readonly [string, string])[] {
  return names.map((name) => nameParts(name, names));
}

it("names that are short or differ at the beginning are not split", () => {
  const names = ["a cat", "a cat 2", "an extraordinarily long name", "another of such a length"];
  expect(parts(names)).toEqual(names.map((name) => [name, ""]));
  const one = ["the only class of this beginning"];
  expect(parts(one)).toEqual([[one[0], ""]]);
});

it("names with the same beginning are split where they differ", () => {
  expect(parts(["photograph number 1001", "photograph number 1002 b"])).toEqual([
    ["photograph number ", "1001"],
    ["photograph number ", "1002 b"],
  ]);
  expect(parts(["living things/animals/dog", "living things/animals"])).toEqual([
    ["living things/", "animals/dog"],
    ["living things/", "animals"],
  ]);
});

it("the split works for any number of names, and is computed once per list", () => {
  const names = Array.from({ length: 5000 }, (_, i) => `a species without a name, number ${i}`);
  for (let again = 0; again < 100; again++) {
    expect(nameParts(names[4321]!, names)[1]).toBe("4321");
  }
});

it("no letter and no joined word is cut", () => {
  const giraffes = ["Straßenbahnhaltestelle🦒", "Straßenbahnhaltestelle🦓"];
  expect(parts(giraffes)[0]).toEqual(["Straßenbahnhaltestelle", "🦒"]);
  const accents = ["Strassenbahnhaltestellea\u0301", "Strassenbahnhaltestellea\u0308"];
  expect(parts(accents)[0]).toEqual(["Strassenbahnhaltestelle", "a\u0301"]);
  const joined = ["قطة ببببببببببببببببببببا", "قطة بببببببببببببببببببب"];
  expect(parts(joined)[0]).toEqual(["قطة ", "ببببببببببببببببببببا"]);
});
