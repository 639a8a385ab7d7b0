/** Text search in the browser, where no server does it. */

/** Case and accents aside: "Müller" is found by "muller", "ΑΘΉΝΑ" by "αθηνα". */
export function folded(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

export function words(query: string): string[] {
  return folded(query).split(/\s+/).filter(Boolean);
}

/** The lines of `page` that hold every word, by their number. */
export function matchingLines(page: string, sought: readonly string[]): number[] {
  const [first, ...others] = sought;
  if (first === undefined) return [];
  const found: number[] = [];
  let line = 0;
  let counted = 0; // up to here `line` counts line ends
  for (let at = page.indexOf(first); at >= 0; ) {
    for (let end = page.indexOf("\n", counted); end >= 0 && end < at; ) {
      line++;
      counted = end + 1;
      end = page.indexOf("\n", counted);
    }
    const stop = page.indexOf("\n", at);
    const text = page.slice(counted, stop < 0 ? undefined : stop);
    if (others.every((word) => text.includes(word))) found.push(line);
    if (stop < 0) break;
    at = page.indexOf(first, stop + 1);
  }
  return found;
}

/** One line an item, folded: what is searched. A separator keeps words from joining two texts. */
export function haystackLine(texts: Iterable<string | null | undefined>): string {
  const parts: string[] = [];
  for (const text of texts) if (text) parts.push(folded(text).replace(/\s+/g, " "));
  return parts.join("\t");
}
