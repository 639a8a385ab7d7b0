/** Lines from an item to others, with a ring around each: the nearest neighbors of the open item. */
import type { Outline } from "./overlay";
import type { Point, Theme } from "./stage";
import { shape } from "./svg";

// Half the side of the box around the marker of a placed image, where the lines begin: the marker's
// cross, in CSS pixels.
const MARKER_HALF_PX = 22;
const CORNER_PX = 3; // radius of the corners of a rectangular ring

interface Link {
  readonly line: SVGElement;
  readonly ring: SVGElement;
}

export class Links {
  readonly root = shape("g", { fill: "none" });
  private readonly links: Link[] = [];

  setTheme({ background, highlight }: Theme): void {
    this.root.setAttribute("stroke", highlight);
    // a halo keeps the lines visible above images and points of any color
    this.root.style.filter = `drop-shadow(0 0 1px ${background})`;
  }

  /** Draw a line from `from` to each outline; without `from`, only the rings. */
  draw(from: Outline | Point | null, to: readonly (Outline | null)[]): void {
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
    const line = shape("path", { "stroke-width": "1.25", "stroke-opacity": "0.6" });
    const ring = shape("rect", { "stroke-width": "2" });
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
