/** Known words that are spelled like an unknown word: difflib.get_close_matches of Python. */

const MOST_SUGGESTED = 3;
const LEAST_RATIO = 0.6;

/** The known words most similar to `word`, the most similar first. */
export function closeWords(word: string, known: Iterable<string>): string[] {
  const close: { readonly known: string; readonly ratio: number }[] = [];
  for (const each of known) {
    const length = each.length + word.length;
    if ((2 * Math.min(each.length, word.length)) / length < LEAST_RATIO) continue;
    const ratio = (2 * nCommon(each, word)) / length;
    if (ratio >= LEAST_RATIO) close.push({ known: each, ratio });
  }
  close.sort((a, b) => b.ratio - a.ratio || (a.known < b.known ? 1 : -1));
  return close.slice(0, MOST_SUGGESTED).map((each) => each.known);
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
