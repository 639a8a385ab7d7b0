/** Renders the view as a PNG of any size: points in tiles, images from the largest thumbnails. */
import type { Thumbnails } from "../bundle/thumbnails";
import { panned, project, type Size } from "./camera/projection";
import type { Color } from "./gl";
import { square } from "./images/crop";
import { Declutter } from "./images/declutter";
import { positionOf } from "./layout/positions";
import { regionAround, viewAxes } from "./layout/region";
import { borderSize, IMAGE_RIM_PX } from "./layout/sizes";
import { DIMMED_IMAGE_OPACITY } from "./points/tints";
import { type FrameState, pointLook, type Renderer, rangesIn } from "./renderer";
import { DIMMED, FADED, MATCHED, MOST_PNG_PX, type Painter, type Point, SELECTED } from "./stage";

const TILE_PX = 1024; // side of the tiles: a layer of a whole PNG would need too much memory
// Margin of a tile for points whose center is outside, in CSS pixels: more than the radius of the
// largest point.
const POINT_MARGIN_PX = 16;

const HEADER_BYTES = 33; // signature and IHDR of a PNG
/** The chunk pHYs: 11,811 pixels per meter, which are 300 per inch. */
const DENSITY = [0, 0, 0, 9, 112, 72, 89, 115, 0, 0, 46, 35, 0, 0, 46, 35, 1, 120, 165, 63, 118];

export interface Shot {
  readonly renderer: Renderer;
  readonly thumbnails: Thumbnails;
  /** What the stage shows. */
  readonly frameState: FrameState;
  readonly above: Painter | null;
}

export async function shoot(shot: Shot, width: number, height: number): Promise<Blob> {
  if (!(width >= 1 && height >= 1 && width <= MOST_PNG_PX && height <= MOST_PNG_PX)) {
    throw new RangeError(
      `A PNG's sides must be from 1 to ${MOST_PNG_PX} pixels; got ${width} x ${height}. Choose another size.`,
    );
  }
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const paper = canvas.getContext("2d", { alpha: false });
  if (!paper) {
    throw new RangeError(
      `The browser has too little memory for ${width} x ${height} pixels. Choose a smaller size.`,
    );
  }
  const { view, size, drawing } = shot.frameState;
  const ratio = Math.min(width / size.width, height / size.height);
  const { background } = shot.frameState;
  const scaled: FrameState = {
    ...shot.frameState,
    background: background[0] > 0.5 ? [1, 1, 1] : background, // white paper, not the page's gray
    view: { ...view, scale: view.scale * ratio },
    size: { width, height },
    pixelRatio: ratio,
  };
  drawPoints(shot.renderer, paper, scaled);
  if (drawing === "images") await drawImages(shot, paper, scaled);
  shot.above?.(paper, ratio);
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) =>
        blob
          ? resolve(withDensity(blob))
          : reject(
              new RangeError(
                `The browser cannot write a PNG of ${width} x ${height} pixels. Choose a smaller size.`,
              ),
            ),
      "image/png",
    );
  });
}

function withDensity(png: Blob): Blob {
  const rest = png.slice(HEADER_BYTES);
  return new Blob([png.slice(0, HEADER_BYTES), Uint8Array.from(DENSITY), rest], { type: png.type });
}

function drawPoints(renderer: Renderer, paper: CanvasRenderingContext2D, of: FrameState): void {
  const { width, height } = of.size;
  const { layer } = renderer;
  try {
    for (let top = 0; top < height; top += TILE_PX) {
      for (let left = 0; left < width; left += TILE_PX) {
        const size = {
          width: Math.min(TILE_PX, width - left),
          height: Math.min(TILE_PX, height - top),
        };
        const dx = width / 2 - (left + size.width / 2);
        const dy = height / 2 - (top + size.height / 2);
        const tile = { ...of, size, view: panned(of.view, dx, dy) };
        layer.resize(size.width, size.height);
        layer.restart(
          pointLook(tile),
          rangesIn({ ...tile, pointPx: POINT_MARGIN_PX * of.pixelRatio }),
        );
        layer.advance(Number.POSITIVE_INFINITY);
        paper.putImageData(upright(layer.pixels(), size), left, top);
      }
    }
  } finally {
    renderer.resize(); // the caller draws the stage again
  }
}

function upright(bytes: Uint8Array, { width, height }: Size): ImageData {
  const image = new ImageData(width, height);
  for (let row = 0; row < height; row++) {
    const from = (height - 1 - row) * width * 4;
    image.data.set(bytes.subarray(from, from + width * 4), row * width * 4);
  }
  return image;
}

async function drawImages(
  { renderer, thumbnails, frameState }: Shot,
  paper: CanvasRenderingContext2D,
  of: FrameState,
): Promise<void> {
  const { layout, states, sizing, zoom, view, size, pixelRatio: ratio } = of;
  const common = sizing.at(zoom) * ratio;
  const choice = new Declutter(
    layout,
    {
      distance: sizing.distance / (frameState.view.scale * (sizing.from / zoom)),
      region: regionAround(view, size, common),
      plane: viewAxes(view),
      nItems: thumbnails.nItems,
      states,
      fill: layout.dimensions === 2 ? sizing.fill : null,
      bounds: of.bounds,
    },
    renderer.gallery.order,
  );
  choice.step(Number.POSITIVE_INFINITY);
  for (const [i, item] of choice.items.entries()) {
    const side = common * choice.factors[i]!;
    const blob = await thumbnails.blob(item, side);
    if (!blob) continue;
    const image = await createImageBitmap(blob);
    const state = states ? states[item]! : 0;
    const at = project(view, size, positionOf(layout, item));
    drawBordered(paper, image, {
      at,
      side,
      color: of.colorOf(item),
      opacity: state & (DIMMED | FADED) ? DIMMED_IMAGE_OPACITY : 1,
      background: of.background,
      borderPx: borderSize(common / ratio) * ratio,
      cropped: of.cropped,
      rim: state & (SELECTED | MATCHED) ? { color: of.highlight, px: IMAGE_RIM_PX * ratio } : null,
    });
    image.close();
  }
}

/** How an image is drawn; lengths in pixels of the PNG. */
interface ImageStyle {
  readonly at: Point; // the image's center
  readonly side: number; // the longer side, without the border
  readonly cropped: boolean;
  readonly color: Color;
  readonly opacity: number;
  readonly background: Color;
  readonly borderPx: number;
  readonly rim: { readonly color: Color; readonly px: number } | null;
}

function drawBordered(
  paper: CanvasRenderingContext2D,
  image: ImageBitmap,
  { at, side, color, opacity, background, borderPx, cropped, rim }: ImageStyle,
): void {
  const whole = { x: 0, y: 0, width: image.width, height: image.height };
  const part = cropped ? square(whole) : whole;
  const longest = Math.max(part.width, part.height);
  const width = Math.round((side * part.width) / longest);
  const height = Math.round((side * part.height) / longest);
  const left = Math.round(at.x - width / 2);
  const top = Math.round(at.y - height / 2);
  const box = (grow: number, fill: Color) => {
    paper.fillStyle = `rgb(${fill.map((part) => Math.round(part * 255)).join(" ")})`;
    paper.beginPath();
    paper.roundRect(left - grow, top - grow, width + 2 * grow, height + 2 * grow, grow);
    paper.fill();
  };
  if (opacity < 1) box(borderPx, background); // hides the points behind a dimmed image
  paper.globalAlpha = opacity;
  if (rim) box(borderPx + rim.px, rim.color);
  box(borderPx, color);
  paper.imageSmoothingQuality = "high";
  paper.drawImage(image, part.x, part.y, part.width, part.height, left, top, width, height);
  paper.globalAlpha = 1;
}
