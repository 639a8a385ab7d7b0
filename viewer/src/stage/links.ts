/** Lines from an item to others, with a ring around each: the nearest neighbors of the open item. */
import type { Outline } from "./overlay";
import type { Point, Theme } from "./stage";
import { shape } from "./svg";

// Half the side of the box around the marker of a placed image, where the lines begin: the marker's
// cross, in CSS pixels.
const MARKER_HALF_PX = 22;
const CORNER_PX = 3; // radius of the corners of a rectangular ring
const EVERYWHERE = "M-99999-99999H99999V99999H-99999Z";

interface Link {
  readonly line: SVGElement;
  readonly ring: SVGElement;
}

let nLayers = 0; // in the document: a notebook can have several maps

export class Links {
  readonly root: SVGElement;
  private readonly hole = shape("path", { "clip-rule": "evenodd" });
  private readonly links: Link[] = [];

  constructor() {
    const id = `fs-links-${nLayers++}`;
    const clip = shape("clipPath", { id });
    clip.append(this.hole);
    this.root = shape("g", { fill: "none", "clip-path": `url(#${id})` });
    this.root.append(clip);
  }

  setTheme({ background, highlight }: Theme): void {
    this.root.setAttribute("stroke", highlight);
    // a halo keeps the lines visible above images and points of any color
    this.root.style.filter = `drop-shadow(0 0 1px ${background})`;
  }

  /**
   * Draw a line from `from` to each outline; without `from`, only the rings. Nothing is drawn within
   * `uncovered`, the outline of the open image.
   */
  draw(
    from: Outline | Point | null,
    to: readonly (Outline | null)[],
    uncovered: Outline | null,
  ): void {
    this.hole.setAttribute("d", EVERYWHERE + (uncovered ? boxPath(uncovered) : ""));
    while (this.links.length < to.length) this.links.push(this.add());
    for (const [i, { line, ring }] of this.links.entries()) {
      const outline = to[i] ?? null;
      setOutline(ring, outline);
      const start =
        from && "at" in from
          ? from
          : from && { at: from, halfWidth: MARKER_HALF_PX, halfHeight: MARKER_HALF_PX };
      const shown = outline !== null && start !== null;
      line.setAttribute("visibility", shown ? "visible" : "hidden");
      if (!shown) continue;
      const [begin, end] = [leaving(start, outline.at), leaving(outline, start.at)];
      line.setAttribute("d", `M${begin.x} ${begin.y}L${end.x} ${end.y}`);
    }
  }

  private add(): Link {
    const line = shape("path", { "stroke-width": "1", "stroke-opacity": "0.5" });
    const ring = shape("rect", { "stroke-width": "1.5" });
    this.root.append(line, ring);
    return { line, ring };
  }
}

/** Place a rectangle at an outline; without one, hide the rectangle. */
export function setOutline(ring: SVGElement, outline: Outline | null): void {
  ring.setAttribute("visibility", outline ? "visible" : "hidden");
  if (!outline) return;
  const { at, halfWidth, halfHeight, round } = outline;
  ring.setAttribute("x", String(at.x - halfWidth));
  ring.setAttribute("y", String(at.y - halfHeight));
  ring.setAttribute("width", String(2 * halfWidth));
  ring.setAttribute("height", String(2 * halfHeight));
  ring.setAttribute("rx", String(round ? halfWidth : CORNER_PX));
  ring.setAttribute("fill", outline.fill ?? "none");
}

function boxPath({ at, halfWidth, halfHeight }: Outline): string {
  const [left, top] = [at.x - halfWidth, at.y - halfHeight];
  return `M${left} ${top}h${2 * halfWidth}v${2 * halfHeight}h${-2 * halfWidth}Z`;
}

/** The point where the line from the middle of a box to `toward` leaves the box. */
export function leaving(
  { at, halfWidth, halfHeight }: Pick<Outline, "at" | "halfWidth" | "halfHeight">,
  toward: Point,
): Point {
  const [dx, dy] = [toward.x - at.x, toward.y - at.y];
  const t = Math.min(halfWidth / Math.abs(dx), halfHeight / Math.abs(dy), 1) || 0;
  return { x: at.x + t * dx, y: at.y + t * dy };
}
