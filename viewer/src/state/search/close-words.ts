/** Known words that are spelled like an unknown word, as `Vocabulary.suggest` of Python finds them. */

const MOST_CLOSE = 20; // words with the most letters in common, among which words are suggested
export const MOST_SUGGESTED = 3;
export const LETTERS_PER_EDIT = 3;
const LEAST_RATIO = 0.6;

/**
 * The known words that are spelled like `word`: at most a third of the letters are edited, or one
 * letter of a short word. The word with the fewest edits is the first; of several, the word that
 * names more classes.
 */
export function closeWords(word: string, terms: ReadonlyMap<string, readonly number[]>): string[] {
  const close: { readonly known: string; readonly ratio: number }[] = [];
  for (const each of terms.keys()) {
    const length = each.length + word.length;
    if ((2 * Math.min(each.length, word.length)) / length < LEAST_RATIO) continue;
    const ratio = likeness(each, word);
    if (ratio >= LEAST_RATIO) close.push({ known: each, ratio });
  }
  close.sort((a, b) => b.ratio - a.ratio || (a.known < b.known ? 1 : -1));
  const mostEdits = Math.max(Math.floor(word.length / LETTERS_PER_EDIT), 1);
  return close
    .slice(0, MOST_CLOSE)
    .map(({ known }) => ({
      known,
      nEdits: countEdits(word, known),
      nClasses: terms.get(known)?.length ?? 0,
    }))
    .filter(({ nEdits }) => nEdits <= mostEdits)
    .sort((a, b) => a.nEdits - b.nEdits || b.nClasses - a.nClasses)
    .slice(0, MOST_SUGGESTED)
    .map(({ known }) => known);
}

/** The share of the letters that two words have in common, from 0 to 1. */
export function likeness(one: string, other: string): number {
  return (2 * nCommon(one, other)) / (one.length + other.length || 1);
}

/**
 * The number of edits between two words: the optimal string alignment distance. An edit inserts,
 * deletes or replaces a letter, or exchanges two neighboring letters.
 */
function countEdits(word: string, other: string): number {
  let before: number[] = [];
  let above = Array.from({ length: other.length + 1 }, (_, j) => j);
  for (let i = 1; i <= word.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = (above[j - 1] as number) + (word[i - 1] === other[j - 1] ? 0 : 1);
      let least = Math.min((above[j] as number) + 1, (row[j - 1] as number) + 1, replaced);
      if (i > 1 && j > 1 && word[i - 1] === other[j - 2] && word[i - 2] === other[j - 1])
        least = Math.min(least, (before[j - 2] as number) + 1);
      row.push(least);
    }
    [before, above] = [above, row];
  }
  return above[other.length] as number;
}

/**
 * The number of letters in the longest common block and, recursively, in the blocks before and
 * after it (Ratcliff and Metzener, Pattern Matching: The Gestalt Approach, 1988).
 */
function nCommon(a: string, b: string): number {
  let [startA, startB, size] = [0, 0, 0];
  let before = new Uint8Array(b.length + 1); // lengths of the blocks that end at the letter before
  for (let i = 0; i < a.length; i++) {
    const here = new Uint8Array(b.length + 1);
    for (let j = 0; j < b.length; j++) {
      if (a[i] !== b[j]) continue;
      const length = (before[j] as number) + 1;
      here[j + 1] = length;
      if (length > size) [startA, startB, size] = [i + 1 - length, j + 1 - length, length];
    }
    before = here;
  }
  if (size === 0) return 0;
  return (
    nCommon(a.slice(0, startA), b.slice(0, startB)) +
    size +
    nCommon(a.slice(startA + size), b.slice(startB + size))
  );
}
