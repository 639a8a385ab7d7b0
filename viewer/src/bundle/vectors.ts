/** The vectors of words and items, with which a page finds the items that are similar to words. */
import type { VectorsFile } from "../contract";
import type { Source } from "../source";
import { readArray } from "./arrays";
import { numbersOf, readTerms, type Terms } from "./words";

export interface Vectors {
  /** The rows of `words` for each word. */
  readonly terms: Terms;
  /** shape (v, d) */
  readonly words: Int8Array;
  /** shape (n, d) */
  readonly items: Int8Array;
  /** shape (d,) */
  readonly scales: Float32Array;
}

/** Read the vectors. Throws a SourceError if they are damaged. */
export async function readVectors(source: Source, file: VectorsFile): Promise<Vectors> {
  const [terms, words, items, scales] = await Promise.all([
    readTerms(source, file.file),
    readArray(source, file.words, "int8"),
    readArray(source, file.items, "int8"),
    readArray(source, file.scales, "float32"),
  ]);
  return { terms, words, items, scales };
}

/**
 * The cosine similarity of each item to a query; null if the vectors lack a word of the query. For
 * several words, the mean of their similarities, unless the query is one name ("sports car").
 */
export function similarItems(vectors: Vectors, query: string): Float32Array | null {
  const named = numbersOf(vectors.terms, query);
  if (named === null) return null;
  const { words, items, scales } = vectors;
  const d = scales.length;
  const weights = new Float32Array(d);
  for (const rows of named) {
    for (const row of rows) {
      const share = 1 / (named.length * rows.size);
      for (let i = 0; i < d; i++) {
        weights[i] =
          (weights[i] as number) + share * ((words[row * d + i] as number) * (scales[i] as number));
      }
    }
  }
  const similarities = new Float32Array(items.length / d);
  for (let item = 0, at = 0; item < similarities.length; item++, at += d) {
    let sum = 0;
    for (let i = 0; i < d; i++) sum += (items[at + i] as number) * (weights[i] as number);
    similarities[item] = sum;
  }
  return similarities;
}
