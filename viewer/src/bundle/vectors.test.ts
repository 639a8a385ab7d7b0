import { describe, expect, it } from "vitest";
import { smallSource } from "../testing/small-map";
import { readVectors, similarItems } from "./vectors";

const VECTORS = {
  terms: { dog: [0], cat: [1], "sports car": [2], crane: [0, 1] },
  words: [100, 0, 0, 50, -20, 10],
  items: [10, 0, 0, 20, 30, 40],
  scales: [0.01, 0.02],
};

async function similarities(query: string): Promise<number[] | null> {
  const { source } = smallSource({ paths: ["a", "b", "c"], vectors: VECTORS });
  const read = await readVectors(source, source.manifest.vectors as never);
  const found = similarItems(read, query);
  return found && Array.from(found, (each) => Number(each.toFixed(4)));
}

describe("similarItems", () => {
  it("returns the products of the vectors and the scales", async () => {
    expect(await similarities("Dogs")).toEqual([10, 0, 30]);
    expect(await similarities("cat")).toEqual([0, 20, 40]);
    expect(await similarities("sports cars")).toEqual([-2, 4, 2]);
  });

  it("returns the mean of several words, and of several meanings", async () => {
    expect(await similarities("a cat")).toBeNull();
    expect(await similarities("dog cat")).toEqual([5, 10, 35]);
    expect(await similarities("crane")).toEqual([5, 10, 35]);
  });

  it("returns null for an unknown word", async () => {
    expect(await similarities("sunset")).toBeNull();
    expect(await similarities("constructor")).toBeNull();
  });
});

it("refuses vectors of another length", async () => {
  const { source } = smallSource({ vectors: { ...VECTORS, items: [1, 2] } });
  const file = source.manifest.vectors;
  if (file === null) throw new Error("the map has vectors");
  const longer = { ...file, items: { ...file.items, shape: [3, 2] } };
  await expect(readVectors(source, longer)).rejects.toThrow("must hold 6 bytes");
});
