/** What the table says of an item, in words. */
import { AGREEMENT, type ItemDetails, type Manifest } from "../contract";
import { valueText } from "./words";

/** Name and value of each column that has one; width and height, where both are known, as its size. */
export function columnFacts(details: ItemDetails, manifest: Manifest): [string, string][] {
  const width = details.width ?? details.columns["width"];
  const height = details.height ?? details.columns["height"];
  const facts: [string, string][] = [];
  const sized = typeof width === "number" && typeof height === "number";
  if (sized) facts.push(["size", `${width} × ${height}`]);
  const ofBundle = manifest.columns.map((column) => column.name);
  for (const name of new Set([...ofBundle, ...Object.keys(details.columns)])) {
    const value = details.columns[name];
    if (value === null || value === undefined) continue;
    if (sized && (name === "width" || name === "height")) continue;
    facts.push([name, typeof value === "number" ? factText(name, value) : String(value)]);
  }
  return facts;
}

/** What agrees is said, for the column's name alone tells nobody. */
function factText(name: string, value: number): string {
  const text = valueText(name, value);
  return name === AGREEMENT ? `${text} of neighbors` : text;
}
