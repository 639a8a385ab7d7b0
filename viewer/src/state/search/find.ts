/** Text search in the browser, for maps without a server. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
const PLAIN = /^[\x00-\x7f]*$/;

/** Normalize case and accents: "Müller" matches "muller", "ΑΘΉΝΑ" matches "αθηνα". */
export function folded(text: string): string {
  // fast path: most paths are ASCII
  if (PLAIN.test(text)) return text.toLowerCase();
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

export function words(query: string): string[] {
  return folded(query).split(/\s+/).filter(Boolean);
}

/** The numbers of the lines of `page` that contain every word. */
export function matchingLines(page: string, sought: readonly string[]): number[] {
  const [first, ...others] = sought;
  if (first === undefined) return [];
  const found: number[] = [];
  let line = 0;
  let counted = 0; // `line` is the number of line ends before this index
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

/** The searched text of `count` items: one line per item with all its texts, normalized. */
export function haystackPage(
  columns: readonly (readonly (string | null | undefined)[])[],
  count: number,
): string {
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    let line = "";
    for (const column of columns) if (column[i]) line += `${column[i]}\t`; // the tab separates the texts
    lines.push(line.includes("\n") ? line.replaceAll("\n", " ") : line);
  }
  return folded(lines.join("\n"));
}
