/** SVG shapes above the canvas: rings, the marker, the lasso. */
import { Links, setOutline } from "./links";
import { NameLayer } from "./names/name-layer";
import type { Point, Theme } from "./stage";
import { shape } from "./svg";

/** The position and half the sides of a ring: a circle if `round`, otherwise a rectangle. */
export interface Outline {
  readonly at: Point;
  readonly halfWidth: number;
  readonly halfHeight: number;
  readonly round: boolean;
  /** The color inside the ring of a point, as CSS; absent for an image. */
  readonly fill?: string;
}

// Sizes in CSS pixels: the marker's circle, its image and the gap to the circle's center, the lines.
const MARKER_RADIUS_PX = 13;
const MARKER_IMAGE_PX = 72;
const MARKER_GAP_PX = 30;
const MARKER_LINE_PX = 3;
const [HOVER_LINE_PX, FOCUS_LINE_PX] = [2, 3];
const HALO_PX = 2.5; // a line in the background's color that is wider by this much

/** The image above the marker. Its border stays hidden if the browser cannot show the image. */
function markerImage(): SVGElement {
  const side = String(MARKER_IMAGE_PX);
  const box = { x: String(-MARKER_IMAGE_PX / 2), y: String(-MARKER_GAP_PX - MARKER_IMAGE_PX) };
  const border = shape("rect", {
    ...box,
    ...{ width: side, height: side, rx: "3", fill: "#ffffff", "stroke-width": "3" },
    visibility: "hidden",
  });
  const picture = shape("image", { ...box, width: side, height: side });
  picture.addEventListener("load", () => border.removeAttribute("visibility"));
  const both = shape("g", {});
  both.append(border, picture);
  return both;
}

export class Overlay {
  private readonly root: SVGElement;
  private readonly rings: Record<"hover" | "focus", [SVGElement, SVGElement]>;
  readonly links = new Links();
  readonly names = new NameLayer();
  private readonly marker: SVGElement;
  private readonly markerImage: SVGElement;
  private readonly lasso: SVGElement;
  private imageUrl: string | null = null;

  constructor(parent: HTMLElement, theme: Theme) {
    this.root = shape("svg", { "aria-hidden": "true" });
    Object.assign(this.root.style, {
      position: "absolute",
      inset: "0",
      width: "100%",
      height: "100%",
      overflow: "hidden",
      pointerEvents: "none",
    });
    this.root.append(this.links.root);
    const ring = (width: number): [SVGElement, SVGElement] => {
      const halo = shape("rect", { fill: "none", "stroke-width": String(width + HALO_PX) });
      const line = shape("rect", { fill: "none", "stroke-width": String(width) });
      this.root.append(halo, line);
      return [halo, line];
    };
    this.rings = { hover: ring(HOVER_LINE_PX), focus: ring(FOCUS_LINE_PX) };
    this.marker = shape("g", {});
    const circle = { r: String(MARKER_RADIUS_PX), fill: "none" };
    this.marker.append(
      shape("circle", { ...circle, "stroke-width": String(MARKER_LINE_PX + HALO_PX) }),
      shape("circle", { ...circle, "stroke-width": String(MARKER_LINE_PX) }),
      shape("path", {
        d: "M0-22V-8M0 8V22M-22 0H-8M8 0H22",
        "stroke-width": String(MARKER_LINE_PX),
        "stroke-linecap": "round",
      }),
      shape("circle", { r: "3" }),
    );
    this.markerImage = markerImage();
    this.marker.append(this.markerImage);
    this.lasso = shape("path", {
      "stroke-width": "1.5",
      "stroke-dasharray": "5 4",
      "stroke-linejoin": "round",
      "fill-opacity": "0.12",
    });
    this.root.append(this.names.root, this.lasso, this.marker);
    this.setTheme(theme);
    this.setRing("hover", null);
    this.setRing("focus", null);
    this.setMarker(null);
    this.setLasso([]);
    parent.append(this.root);
  }

  setTheme(theme: Theme): void {
    const { background, highlight } = theme;
    this.links.setTheme(theme);
    this.names.setTheme(theme);
    for (const [halo, line] of Object.values(this.rings)) {
      halo.setAttribute("stroke", background);
      line.setAttribute("stroke", highlight);
    }
    const [halo, circle, cross, dot] = [...this.marker.children];
    halo?.setAttribute("stroke", background);
    circle?.setAttribute("stroke", highlight);
    cross?.setAttribute("stroke", highlight);
    dot?.setAttribute("fill", highlight);
    this.markerImage.firstElementChild?.setAttribute("stroke", highlight);
    this.lasso.setAttribute("stroke", highlight);
    this.lasso.setAttribute("fill", highlight);
  }

  setRing(which: "hover" | "focus", outline: Outline | null): void {
    for (const part of this.rings[which]) setOutline(part, outline);
  }

  setMarker(at: Point | null): void {
    this.marker.setAttribute("visibility", at ? "visible" : "hidden");
    if (at) this.marker.setAttribute("transform", `translate(${at.x} ${at.y})`);
  }

  /** Set the image above the marker. */
  setMarkerImage(image: Blob | null): void {
    if (this.imageUrl) URL.revokeObjectURL(this.imageUrl);
    this.imageUrl = image && URL.createObjectURL(image);
    const [border, picture] = this.markerImage.children;
    border?.setAttribute("visibility", "hidden");
    if (this.imageUrl) picture?.setAttribute("href", this.imageUrl);
    else picture?.removeAttribute("href");
  }

  setLasso(points: readonly Point[]): void {
    const line = points.map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
    this.lasso.setAttribute("d", points.length > 1 ? `M${line}Z` : "");
  }

  remove(): void {
    this.setMarkerImage(null);
    this.root.remove();
  }
}
