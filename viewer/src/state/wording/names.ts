/** Shortens names in the middle, so that names with the same beginning stay distinguishable. */

const ALIKE = 16; // letters of a name's beginning that a list has room for
const MOST_BACK = 14; // letters to go back from the first difference to the start of its word

const BETWEEN_WORDS = /[\s/\\_.,:;|-]/;
const INSIDE = /\p{M}|\u{200d}|[\udc00-\udfff]/u; // belong to the letter before them
const JOINED = /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Mongolian}\p{Script=Nko}]/u;

function common(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return length;
}

/** Where to cut a name, at `at` or shortly before: between words, and never inside a letter. */
function cutAt(name: string, at: number): number {
  for (let cut = at; cut > at - MOST_BACK && cut > 0; cut--) {
    if (BETWEEN_WORDS.test(name[cut - 1]!)) return cut;
  }
  let cut = at;
  while (cut > 0 && isWithin(name, cut)) cut--;
  return cut;
}

function isWithin(name: string, at: number): boolean {
  const [before = "", after = ""] = [name[at - 1], name[at]];
  return INSIDE.test(after) || (JOINED.test(before) && JOINED.test(after));
}

/** For each name that begins like another: the index where the distinguishing end begins. */
function tailStarts(names: readonly string[]): ReadonlyMap<string, number> {
  const alike = new Map<string, string[]>();
  for (const name of names) {
    if (name.length <= ALIKE) continue;
    const beginning = name.slice(0, ALIKE);
    const group = alike.get(beginning);
    if (group) group.push(name);
    else alike.set(beginning, [name]);
  }
  const starts = new Map<string, number>();
  for (const group of alike.values()) {
    const first = group.reduce((least, name) => (name < least ? name : least));
    const last = group.reduce((most, name) => (name > most ? name : most));
    if (first === last) continue;
    const differs = common(first, last); // and so do all names between
    for (const name of group) starts.set(name, cutAt(name, differs));
  }
  return starts;
}

/** Two names, without the words at the beginning that both have if a name is too long. */
export function differentParts(one: string, other: string): readonly [string, string] {
  if (Math.max(one.length, other.length) <= ALIKE) return [one, other];
  const start = one.lastIndexOf(" ", common(one, other) - 1) + 1;
  return start > 0 ? [`…${one.slice(start)}`, `…${other.slice(start)}`] : [one, other];
}

const known = new WeakMap<readonly string[], ReadonlyMap<string, number>>();

/** Split a name into a part that may be shortened and an end that stays; the end is often empty. */
export function nameParts(name: string, among: readonly string[]): readonly [string, string] {
  let starts = known.get(among);
  if (!starts) {
    starts = tailStarts(among);
    known.set(among, starts);
  }
  const start = starts.get(name) || name.length;
  return [name.slice(0, start), name.slice(start)];
}
