/** The items one has walked through, as a browser keeps pages. */
export interface Walk {
  readonly items: readonly number[];
  readonly at: number; // -1: nowhere
}

export const NOWHERE: Walk = { items: [], at: -1 };

/** Go on to an item; what lay ahead is forgotten. */
export function walkTo(walk: Walk, item: number): Walk {
  if (walk.items[walk.at] === item) return walk;
  const items = [...walk.items.slice(0, walk.at + 1), item];
  return { items, at: items.length - 1 };
}

/** Back (-1) or forward (1), as far as there is anything. */
export function step(walk: Walk, by: -1 | 1): Walk {
  const at = walk.at + by;
  return at >= 0 && at < walk.items.length ? { ...walk, at } : walk;
}
