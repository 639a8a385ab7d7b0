/** The findings of the bundle: one section at a time, checked, because a map may come from an untrusted source. */
import {
  type ListedFinding,
  type ListedSection,
  MOST_LISTED,
  MOST_LISTED_ITEMS,
  MOST_LISTED_NEIGHBORS,
} from "../contract";
import type { Source } from "../source";
import { SourceError } from "../sources/error";

/** Read the findings of a section. Throws a SourceError if they are damaged. */
export async function readFindings(
  source: Source,
  section: ListedSection,
): Promise<readonly ListedFinding[]> {
  const { findings, n_items } = source.manifest;
  if (!findings || section.end <= section.start) return [];
  const bytes = await source.read(findings.file, section.start, section.end);
  const listed = parse(bytes);
  const isItem = (value: unknown) =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) < n_items;
  const areItems = (values: unknown, most: number) =>
    Array.isArray(values) && values.length <= most && values.every(isItem);
  const valid =
    Array.isArray(listed) &&
    listed.length <= MOST_LISTED &&
    listed.every(
      (one: ListedFinding | null) =>
        typeof one?.text === "string" &&
        (one.suggested === null || typeof one.suggested === "string") &&
        Number.isInteger(one.n_items) &&
        areItems(one.items, MOST_LISTED_ITEMS) &&
        areItems(one.neighbors, MOST_LISTED_NEIGHBORS),
    );
  if (!valid) {
    throw new SourceError(
      `The section ${JSON.stringify(section.title)} of ${findings.file} is damaged. Make the map again.`,
    );
  }
  return listed as readonly ListedFinding[];
}

function parse(bytes: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
