/** Text search in the browser, where no server does it. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
const PLAIN = /^[\x00-\x7f]*$/;

/** Case and accents aside: "Müller" is found by "muller", "ΑΘΉΝΑ" by "αθηνα". */
export function folded(text: string): string {
  // Most paths are plain, and there may be a million of them.
  if (PLAIN.test(text)) return text.toLowerCase();
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

/** What is searched: a line for each of `count` items, of all their texts, folded. */
export function haystackPage(
  columns: readonly (readonly (string | null | undefined)[])[],
  count: number,
): string {
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    let line = "";
    for (const column of columns) if (column[i]) line += `${column[i]}\t`; // no word spans two texts
    lines.push(line.includes("\n") ? line.replaceAll("\n", " ") : line);
  }
  return folded(lines.join("\n"));
}
