/** The items that the item panel has shown, like a browser's history of pages. */
export interface History {
  readonly items: readonly number[];
  readonly at: number; // index of the current item; -1 if there is none
}

export const EMPTY_HISTORY: History = { items: [], at: -1 };

/** Append an item after the current one; the entries after the current one are dropped. */
export function visit(history: History, item: number): History {
  if (history.items[history.at] === item) return history;
  const items = [...history.items.slice(0, history.at + 1), item];
  return { items, at: items.length - 1 };
}

/** Go back (-1) or forward (1), if there is an entry. */
export function step(history: History, by: -1 | 1): History {
  const at = history.at + by;
  return at >= 0 && at < history.items.length ? { ...history, at } : history;
}
