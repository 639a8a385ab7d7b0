/** The selected items. */
import { signal } from "@preact/signals";

export class Selection {
  readonly items = signal<Uint32Array>(new Uint32Array());

  get count(): number {
    return this.items.value.length;
  }

  has(item: number): boolean {
    return this.items.value.includes(item);
  }

  /** Select `items`, in addition to the selected ones if `add`. */
  set(items: Uint32Array, add: boolean): void {
    this.items.value = add ? union(this.items.value, items) : items;
  }

  without(item: number): Uint32Array {
    return this.items.value.filter((other) => other !== item);
  }
}

function union(one: Uint32Array, other: Uint32Array): Uint32Array {
  const all = new Set(one);
  for (const item of other) all.add(item);
  return Uint32Array.from(all);
}
