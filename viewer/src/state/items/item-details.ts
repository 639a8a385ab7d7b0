/** The details of an item as text. */
import { AGREEMENT, type ItemDetails, type Manifest, N_AGREEING } from "../../contract";
import { columnTitle, DUPLICATE_GROUP, valueText, withMinus } from "../filters/columns";
import { agreementText } from "../wording/words";

/** Name and value of each column that has a value. Width and height become one entry, "size". */
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
    if (name === "suggested" && !isSuspicious(details)) continue;
    if (name === DUPLICATE_GROUP) continue; // the panel lists the copies
    if (typeof value !== "number") facts.push([columnTitle(manifest, name), String(value)]);
    else if (name !== AGREEMENT)
      facts.push([columnTitle(manifest, name), withMinus(valueText(manifest, name, value))]);
    else
      facts.push([
        name,
        agreementText(value, Math.min(N_AGREEING, manifest.neighbors.indices.shape[1] ?? 0)),
      ]);
  }
  return facts;
}

/** Whether another label than the given one is more probable: only then is the label suggested. */
function isSuspicious({ columns }: ItemDetails): boolean {
  const { suspicion } = columns;
  return typeof suspicion !== "number" || suspicion > 0;
}
