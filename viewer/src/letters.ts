/** The letters of a text as a reader sees them: a letter with its accents, or an emoji. */
export function lettersOf(text: string): string[] {
  if (!("Segmenter" in Intl)) return Array.from(text); // Firefox before 125: by code points
  letters ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  return Array.from(letters.segment(text), ({ segment }) => segment);
}

let letters: Intl.Segmenter | undefined; // takes milliseconds to create
