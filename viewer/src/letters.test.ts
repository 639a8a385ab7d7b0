import { expect, it } from "vitest";
import { lettersOf } from "./letters";

it("keeps accents, vowel marks and joined emoji with their letters", () => {
  expect(lettersOf("ae\u0301قِ👨‍👩‍👧👍🏽🇩🇪猫")).toEqual([
    "a",
    "e\u0301",
    "قِ",
    "👨‍👩‍👧",
    "👍🏽",
    "🇩🇪",
    "猫",
  ]);
});
