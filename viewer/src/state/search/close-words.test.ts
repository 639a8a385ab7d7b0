import { expect, it } from "vitest";
import { closeWords } from "./close-words";

const KNOWN = new Map([
  ["dog", [1, 2, 3]],
  ["dingo", [1]],
  ["dugong", [4]],
  ["dodo", [5]],
  ["cat", [6, 7]],
  ["church", [8]],
  ["sports car", [9]],
  ["car", [9, 10]],
  ["card", [11]],
  ["cart", [12, 13]],
]);

// tests/unit/words/test_vocabulary.py has the same words
it.each([
  ["dgo", ["dog"]],
  ["kat", ["cat"]],
  ["chruch", ["church"]],
  ["sport car", ["sports car"]],
  ["caar", ["car"]],
  ["cars", ["car", "cart", "card"]],
  ["zzz", []],
  ["", []],
])("suggests for %j the words with the fewest edits", (word, expected) => {
  expect(closeWords(word, KNOWN)).toEqual(expected);
});
