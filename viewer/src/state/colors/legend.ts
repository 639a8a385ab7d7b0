/** The rows of the legend. */
import { type ClassEntry, NO_CATEGORY } from "../../contract";
import type { App } from "../app";
import { LABEL } from "../items/items";

export interface LegendRow extends ClassEntry {
  readonly code: number;
}

/** The legend rows of a column. Items without a value are a row of their own. */
export function legendRows(app: App, name: string): LegendRow[] {
  const column = app.manifest.columns.find((each) => each.name === name);
  const entries =
    name === LABEL ? app.manifest.classes : column?.kind === "category" ? column.categories : null;
  if (!entries) return [];
  const rows = entries.map((entry, code) => ({ ...entry, code }));
  const without = app.items.count - entries.reduce((sum, entry) => sum + entry.count, 0);
  if (without > 0) rows.push({ name: "none", color: "", count: without, code: NO_CATEGORY });
  return rows;
}
