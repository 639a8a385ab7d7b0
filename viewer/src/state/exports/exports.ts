/** Downloads: tables, lists, originals and pictures. */
import { CHECKED_LABEL } from "../../contract";
import type { App } from "../app";
import type { Values } from "../filters/filters";
import { type Cell, cellOf } from "../items/cells";
import { LABEL } from "../items/items";
import { exportSelections } from "../selections/named-selections";
import { csv } from "./csv";
import { legendPainter } from "./legend-picture";

function download(content: Blob | string, name: string, type = "text/plain"): void {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const url = URL.createObjectURL(blob);
  downloadFrom(url, name);
  // the browser has started the download long before
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function downloadCsv(text: string, name: string): void {
  // Excel reads a file with a byte order mark as UTF-8.
  download(`\ufeff${text}`, name, "text/csv;charset=utf-8");
}

function downloadFrom(url: string, name: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

/** Turn "Demo: digits" into "demo-digits", for file names. */
function fileStem(title: string): string {
  const stem = title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-");
  return stem.replace(/^-+|-+$/g, "").slice(0, 60) || "map";
}

function name(app: App, ending: string): string {
  return `${fileStem(app.manifest.title)}-${ending}`;
}

/** Read in the bundle's order, in which neighbors share blocks; return in the table's order. */
async function inTableOrder<T>(
  app: App,
  selection: Uint32Array,
  read: (item: number) => Promise<T>,
): Promise<T[]> {
  const rows: { id: number; row: T }[] = [];
  for (const item of Uint32Array.from(selection).sort()) {
    rows.push({ id: app.items.id(item), row: await read(item) });
  }
  return rows.sort((a, b) => a.id - b.id).map(({ row }) => row);
}

/** The selection as CSV: id, path, label and every column, one row per item. */
export async function selectionCsv(app: App, selection: Uint32Array): Promise<string> {
  const { items, manifest } = app;
  const { columns } = manifest;
  const values = new Map<string, Values>();
  for (const { kind, name } of columns) {
    if (kind !== "text") values.set(name, await items.column(name));
  }
  const rows = await inTableOrder(app, selection, async (item): Promise<Cell[]> => {
    const texts = await items.texts(item);
    const cells = columns.map((column): Cell => {
      if (column.kind === "text") return texts[column.name] ?? null;
      return cellOf(column, values.get(column.name)?.[item] as number);
    });
    return [items.id(item), texts["path"] ?? null, items.classOf(item)?.name ?? null, ...cells];
  });
  return csv(["id", "path", "label", ...columns.map((column) => column.name)], rows);
}

export async function saveCsv(app: App): Promise<void> {
  await app.messages.during("Writing the table…", async () => {
    downloadCsv(await selectionCsv(app, app.selection.items.value), name(app, "selection.csv"));
  });
}

/**
 * The checked labels of the map and of this browser, as a table for `featscape map --checked`. The
 * new map has the checked labels of this table only.
 */
export async function checksCsv(app: App): Promise<string> {
  const { items, checks } = app;
  const labels = await checks.withLabelsOfMap();
  const rows = await inTableOrder(app, Uint32Array.from(labels.keys()), async (item) => [
    await items.path(item),
    items.classOf(item)?.name ?? null,
    labels.get(item) ?? null,
  ]);
  return csv(["path", "label", CHECKED_LABEL], rows);
}

export async function saveChecks(app: App): Promise<void> {
  await app.messages.during("Writing the table…", async () => {
    downloadCsv(await checksCsv(app), name(app, "checks.csv"));
  });
}

export async function savePaths(app: App): Promise<void> {
  await app.messages.during("Writing the list…", async () => {
    const paths = await inTableOrder(app, app.selection.items.value, (item) =>
      app.items.path(item),
    );
    download(`${paths.join("\n")}\n`, name(app, "selection.txt"));
  });
}

export async function saveSelections(app: App): Promise<void> {
  await app.messages.during("Writing the selections…", async () => {
    download(await exportSelections(app), name(app, "selections.json"), "application/json");
  });
}

export async function saveZip(app: App): Promise<void> {
  const ids = Uint32Array.from(app.selection.items.value, (item) => app.items.id(item)).sort();
  await app.messages.during("Preparing the originals…", async () => {
    const url = await app.source.zip?.(ids);
    if (url) downloadFrom(url, name(app, "selection.zip"));
  });
}

export async function savePng(
  app: App,
  width: number,
  height: number,
  withLegend: boolean,
): Promise<void> {
  const colored = app.colorBy.value === LABEL ? [] : [app.colorBy.value];
  await app.messages.during("Drawing the picture…", async () => {
    // the stage shows the colors and filters of columns that have been read
    if (!(await app.readColumns([...colored, ...app.filters.value.keys()]))) return;
    const legend = withLegend ? await legendPainter(app) : null;
    const png = await app.stage?.png(width, height, legend);
    if (png) download(png, name(app, `${width}x${height}.png`));
  });
}
