/** The selection in the page's address: ids as short text. */

/** Larger selections are not part of the address. */
export const MOST_IDS = 20_000;
const MOST_LETTERS = 8000; // longer addresses are cut by some programs
const MOST_ITEMS = 5_000_000; // of a map; a damaged address must not fill the memory

/**
 * Encode ids as runs: the distance from the end of the previous run and, after a tilde, the number
 * of further ids, in base 36. [3, 4, 5, 40] is "3~2.z". Null if the text would be too long.
 */
export function idsText(ids: Uint32Array): string | null {
  if (ids.length > MOST_IDS) return null;
  const sorted = Uint32Array.from(ids).sort();
  const runs: string[] = [];
  let end = 0;
  for (let i = 0; i < sorted.length; ) {
    const first = sorted[i] as number;
    let more = 0;
    while (sorted[i + more + 1] === first + more + 1) more++;
    const run = (first - end).toString(36);
    runs.push(more > 0 ? `${run}~${more.toString(36)}` : run);
    end = first + more;
    i += more + 1;
  }
  const text = runs.join(".");
  return text.length > MOST_LETTERS ? null : text;
}

/** Decode ids; damaged runs are ignored. */
export function parseIds(text: string): number[] {
  const ids: number[] = [];
  let end = 0;
  for (const run of text.split(".")) {
    const [, distance, more = "0"] = /^([0-9a-z]{1,7})(?:~([0-9a-z]{1,7}))?$/.exec(run) ?? [];
    if (distance === undefined) continue;
    const first = end + Number.parseInt(distance, 36);
    end = first + Number.parseInt(more, 36);
    if (end > MOST_ITEMS) break;
    for (let id = first; id <= end; id++) ids.push(id);
  }
  return ids;
}
