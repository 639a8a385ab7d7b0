/** The selected items. */
import { signal } from "@preact/signals";
import type { SelectMode } from "../../stage";

export class Selection {
  readonly items = signal<Uint32Array>(new Uint32Array());

  get count(): number {
    return this.items.value.length;
  }

  has(item: number): boolean {
    return this.items.value.includes(item);
  }

  /** Select `items`, or add them to the selection, or remove them from it. */
  set(items: Uint32Array, mode: SelectMode): void {
    const before = this.items.value;
    if (mode === "add") this.items.value = union(before, items);
    else if (mode === "subtract") this.items.value = difference(before, items);
    else this.items.value = items;
  }
}

function union(one: Uint32Array, other: Uint32Array): Uint32Array {
  const all = new Set(one);
  for (const item of other) all.add(item);
  return Uint32Array.from(all);
}

function difference(one: Uint32Array, other: Uint32Array): Uint32Array {
  const removed = new Set(other);
  return one.filter((item) => !removed.has(item));
}
