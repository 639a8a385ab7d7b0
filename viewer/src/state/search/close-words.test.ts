import { expect, it } from "vitest";
import { closeWords } from "./close-words";

const KNOWN = [
  "dog",
  "dingo",
  "dugong",
  "dodo",
  "cat",
  "church",
  "sports car",
  "car",
  "card",
  "cart",
];

// what difflib.get_close_matches(word, KNOWN, n=3) of Python returns
it.each([
  ["dgo", ["dingo", "dugong", "dog"]],
  ["kat", ["cat"]],
  ["chruch", ["church"]],
  ["sport car", ["sports car"]],
  ["caar", ["car", "cart", "card"]],
  ["zzz", []],
  ["", []],
])("suggests for %j the words that Python suggests", (word, expected) => {
  expect(closeWords(word, KNOWN)).toEqual(expected);
});
