/** Draws the legend on a saved picture. */
import { lettersOf } from "../../letters";
import { isolated, type Painter } from "../../stage/index";
import type { App } from "../app";
import { legendRows } from "../colors/legend";
import { columnScale, numberPalette } from "../colors/scale";
import { columnTitle, endTexts } from "../filters/columns";
import type { Numbers } from "../filters/filters";
import { LABEL } from "../items/items";
import { scoreText } from "../search/contents";
import { countText, grayText, quotedQuery } from "../wording/words";

const INK = {
  light: {
    surface: "#ffffff",
    text: "#1c1d21",
    muted: "#62656d",
    line: "#e3e3e0",
    none: "#999ca3",
  },
  dark: { surface: "#1a1d23", text: "#e8eaee", muted: "#9a9fa9", line: "#2c3038", none: "#757a85" },
} as const;

// CSS pixels, as on the page: the legend's distance from the corner, its padding, the height of a row,
// its width, and the radius of a disk in the color of a class.
const EDGE = 12;
const PADDING = 14;
const ROW = 24;
const WIDTH = 220;
const SWATCH = 5;

type Paper = CanvasRenderingContext2D;

/** What is drawn below the title: class rows, or a scale of numbers. */
interface Content {
  readonly height: number;
  draw(paper: Paper, top: number): void;
}

/** Return a function that draws the legend; null if there is none. */
export async function legendPainter(app: App): Promise<Painter | null> {
  const name = app.colorBy.value;
  const ink = INK[app.theme.value];
  const found = app.search.coloring;
  const content = found
    ? scale(app, {
        least: scoreText(found, found.range[0]),
        most: scoreText(found, found.range[1]),
      })
    : ((await scaleContent(app, name)) ?? classContent(app, name));
  if (!content) return null;
  const column = name === LABEL ? app.manifest.title : columnTitle(app.manifest, name);
  const title = found ? quotedQuery(found.query) : column;
  return (paper, ratio) => {
    paper.save();
    paper.scale(ratio, ratio);
    paper.translate(EDGE, EDGE);
    paper.beginPath();
    paper.roundRect(0, 0, WIDTH, 2 * PADDING + ROW + content.height, 12);
    paper.fillStyle = ink.surface;
    paper.fill();
    paper.strokeStyle = ink.line;
    paper.stroke();
    paper.textBaseline = "middle";
    write(paper, title, { at: PADDING, y: PADDING + ROW / 2, color: ink.text, bold: true });
    content.draw(paper, PADDING + ROW);
    paper.restore();
  };
}

interface Writing {
  readonly at: number;
  readonly y: number;
  readonly color: string;
  readonly bold?: boolean;
  readonly align?: "left" | "right";
  readonly room?: number;
}

function write(paper: Paper, text: string, writing: Writing): void {
  const { at, y, color, bold = false, align = "left", room = WIDTH - 2 * PADDING } = writing;
  paper.font = `${bold ? "600 " : ""}13px system-ui, "Noto Sans", sans-serif`;
  paper.fillStyle = color;
  paper.textAlign = align;
  paper.fillText(isolated(within(paper, text, room)), at, y);
}

/** Shorten a text in the middle to a width: similar names often differ at their ends. */
function within(paper: Paper, text: string, room: number): string {
  const letters = lettersOf(text);
  const shortened = (kept: number) => {
    const end = Math.floor(kept / 3);
    return `${letters.slice(0, kept - end).join("")}…${letters.slice(letters.length - end).join("")}`;
  };
  if (paper.measureText(text).width <= room) return text;
  let kept = letters.length - 1;
  while (kept > 1 && paper.measureText(shortened(kept)).width > room) kept--;
  return shortened(kept);
}

function classContent(app: App, name: string): Content | null {
  const filter = app.filters.value.get(name);
  const hidden = filter?.kind === "codes" ? filter.hidden : new Set<number>();
  const rows = legendRows(app, name).filter(({ code }) => !hidden.has(code));
  if (rows.length === 0) return null;
  const ink = INK[app.theme.value];
  const free = app.surroundings.size().height - 2 * EDGE - 2 * PADDING - ROW;
  const most = Math.max(1, Math.floor(free / ROW));
  const shown = rows.length > most ? rows.slice(0, most - 1) : rows;
  const more = rows.length - shown.length;
  return {
    height: (shown.length + (more > 0 ? 1 : 0)) * ROW,
    draw(paper, top) {
      shown.forEach((row, i) => {
        const y = top + (i + 0.5) * ROW;
        paper.fillStyle = app.displayedColor(row.color) || ink.none;
        paper.beginPath();
        paper.arc(PADDING + SWATCH, y, SWATCH, 0, 2 * Math.PI);
        paper.fill();
        const count = countText(row.count);
        write(paper, count, { at: WIDTH - PADDING, y, color: ink.muted, align: "right" });
        const room = WIDTH - 2 * PADDING - 28 - paper.measureText(count).width;
        write(paper, row.name, { at: PADDING + 18, y, color: ink.text, room });
      });
      const y = top + (shown.length + 0.5) * ROW;
      const text = `and ${countText(more)} more`;
      if (more > 0) write(paper, text, { at: PADDING + 18, y, color: ink.muted });
    },
  };
}

async function scaleContent(app: App, name: string): Promise<Content | null> {
  const column = app.manifest.columns.find((each) => each.name === name);
  if (name === LABEL || (column?.kind !== "number" && column?.kind !== "date")) return null;
  const { minimum, maximum } = column;
  const values = (await app.items.column(name)) as Numbers;
  const { logarithmic, lowest, diverging } = columnScale(column, values);
  const [low, most] = endTexts(app.manifest, name, [lowest, maximum]);
  const least = lowest > minimum ? `≤ ${low}` : low;
  return scale(app, { least, most, gray: grayText(values), logarithmic, diverging });
}

interface ScaleTexts {
  readonly least: string;
  readonly most: string;
  /** Explains the gray items; null if there are none. */
  readonly gray?: string | null;
  readonly logarithmic?: boolean;
  readonly diverging?: boolean;
}

/** The color scale of numbers, with its ends. */
function scale(
  app: App,
  { least, most, gray = null, logarithmic, diverging }: ScaleTexts,
): Content {
  const palette = numberPalette(app.theme.value, diverging);
  const ink = INK[app.theme.value];
  return {
    height: (gray === null ? 2 : 3) * ROW,
    draw(paper, top) {
      const bar = paper.createLinearGradient(PADDING, 0, WIDTH - PADDING, 0);
      for (const [i, color] of palette.entries()) bar.addColorStop(i / (palette.length - 1), color);
      paper.fillStyle = bar;
      paper.fillRect(PADDING, top + 6, WIDTH - 2 * PADDING, 12);
      const y = top + 1.5 * ROW;
      write(paper, least, { at: PADDING, y, color: ink.muted });
      write(paper, most, { at: WIDTH - PADDING, y, color: ink.muted, align: "right" });
      if (gray !== null) {
        write(paper, gray, { at: PADDING, y: top + 2.5 * ROW, color: ink.muted });
      }
      if (!logarithmic) return;
      paper.textAlign = "center";
      paper.fillText("logarithmic", WIDTH / 2, y);
    },
  };
}
