/** Values of columns as the cells of a table. */
import {
  type CategoryColumn,
  CHECKED_LABEL,
  type DateColumn,
  type NumberColumn,
} from "../../contract";
import { isDouble } from "../filters/columns";
import { dateText } from "../wording/words";
import type { Items } from "./items";

export type Cell = string | number | null;

/** Round a float32 to the fewest digits that identify it: 0.1, not 0.10000000149011612. */
export function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}

export function cellOf(column: CategoryColumn | NumberColumn | DateColumn, value: number): Cell {
  if (column.kind === "category") return column.categories[value]?.name ?? null;
  if (Number.isNaN(value)) return null;
  if (column.kind === "date") return dateText(value, column.has_time);
  return isDouble(column) ? value : shortest(value);
}

/** The checked label of each item that has a checked label in the map. */
export async function checkedInMap(items: Items): Promise<Map<number, Cell>> {
  const column = items.manifest.columns.find(({ name }) => name === CHECKED_LABEL);
  const cells: Cell[] = [];
  if (column?.kind === "text") {
    for await (const block of items.allTexts()) cells.push(...(block[CHECKED_LABEL] ?? []));
  } else if (column) {
    for (const value of await items.column(CHECKED_LABEL)) cells.push(cellOf(column, value));
  }
  return new Map([...cells.entries()].filter(([, cell]) => cell !== null));
}
