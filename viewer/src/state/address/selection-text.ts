/** The selection in the page's address: ids as short text. */

/** Larger selections are not part of the address. */
export const MOST_IDS = 20_000;
const MOST_LETTERS = 8000; // longer addresses are cut by some programs
const MOST_ITEMS = 5_000_000; // of a map; a damaged address must not fill the memory

/**
 * Encode ids as ranges: the distance from the end of the previous range and, after a tilde, the number
 * of further ids, in base 36. [3, 4, 5, 40] is "3~2.z". Null if the text would be too long.
 */
export function idsText(ids: Uint32Array): string | null {
  if (ids.length > MOST_IDS) return null;
  const sorted = Uint32Array.from(ids).sort();
  const ranges: string[] = [];
  let end = 0;
  for (let i = 0; i < sorted.length; ) {
    const first = sorted[i] as number;
    let more = 0;
    while (sorted[i + more + 1] === first + more + 1) more++;
    const range = (first - end).toString(36);
    ranges.push(more > 0 ? `${range}~${more.toString(36)}` : range);
    end = first + more;
    i += more + 1;
  }
  const text = ranges.join(".");
  return text.length > MOST_LETTERS ? null : text;
}

/** Decode ids; damaged ranges are ignored. */
export function parseIds(text: string): number[] {
  const ids: number[] = [];
  let end = 0;
  for (const range of text.split(".")) {
    const [, distance, more = "0"] = /^([0-9a-z]{1,7})(?:~([0-9a-z]{1,7}))?$/.exec(range) ?? [];
    if (distance === undefined) continue;
    const first = end + Number.parseInt(distance, 36);
    end = first + Number.parseInt(more, 36);
    if (end > MOST_ITEMS) break;
    for (let id = first; id <= end; id++) ids.push(id);
  }
  return ids;
}
