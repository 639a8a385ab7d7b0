import { describe, expect, it } from "vitest";
import { smallSource } from "../testing/small-map";
import { matchWords, readWords, type Words } from "./words";

const TERMS = {
  "sports car": [1],
  car: [1, 2],
  pony: [3],
  church: [4],
  red: [3],
  constructor: [9],
};

function words(): Words {
  return {
    terms: new Map(Object.entries(TERMS)),
    nPerItem: 2,
    classes: Uint16Array.of(1, 2, 2, 3, 3, 4),
    probabilities: Uint16Array.of(40_000, 10_000, 30_000, 20_000, 65_535, 0),
  };
}

function found(query: string, least = 0.1): number[] | null {
  const matches = matchWords(words(), query, least);
  return matches && [...matches.items];
}

describe("matchWords", () => {
  it("adds the probabilities of the classes and returns the most probable item first", () => {
    const matches = matchWords(words(), "car", 0.1);
    expect([...(matches?.items ?? [])]).toEqual([0, 1]);
    expect(matches?.scores[0]).toBeCloseTo(50_000 / 65_535, 6);
  });

  it("takes a query as one name if the words contain the name", () => {
    expect(found("Sports  CAR")).toEqual([0]);
    expect(found("car red")).toEqual([1]);
  });

  it("knows plurals", () => {
    expect(found("ponies")).toEqual([2, 1]);
    expect(found("cars")).toEqual([0, 1]);
    expect(found("churches")).toEqual([]);
  });

  it("ignores accents and the width of letters", () => {
    expect(found("pönies")).toEqual([2, 1]);
    expect(found("ｃａｒ")).toEqual([0, 1]);
  });

  it("returns null for an unknown word, and for a name of JavaScript", () => {
    expect(found("car unknown")).toBeNull();
    expect(found("toString")).toBeNull();
    expect(found("!")).toBeNull();
  });

  it("omits items below the least probability", () => {
    expect(found("car", 0.5)).toEqual([0]);
  });
});

describe("readWords", () => {
  it("reads the words of a map", async () => {
    const { source } = smallSource({
      paths: ["a", "b"],
      words: { terms: { dog: [3] }, classes: [3, 0, 1, 2], probabilities: [1, 0, 0.5, 0.5] },
    });
    const read = await readWords(source, source.manifest.words as never);
    expect([...(matchWords(read, "dogs", 0.1)?.items ?? [])]).toEqual([0]);
  });

  it.each(["[]", "null", '{"a":1}', '{"a":["x"]}', "{"])("rejects %s", async (content) => {
    const { source } = smallSource({
      paths: ["a"],
      words: { terms: {}, classes: [3, 0], probabilities: [1, 0] },
    });
    const damaged = {
      ...source,
      read: async (file: string) =>
        file === "words.bin"
          ? (new TextEncoder().encode(content).buffer as ArrayBuffer)
          : source.read(file),
    };
    await expect(readWords(damaged, source.manifest.words as never)).rejects.toThrow("damaged");
  });
});
