/** Parts and smaller copies of images. */

/** A rectangular part of an image, in pixels. */
interface Crop {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The largest square in the middle of an image. */
export function square({ x, y, width, height }: Crop): Crop {
  const side = Math.min(width, height);
  return { x: x + (width - side) / 2, y: y + (height - side) / 2, width: side, height: side };
}

/** A copy whose longest side is `sidePx`; closes the given image. */
export async function shrunk(image: ImageBitmap, sidePx: number): Promise<ImageBitmap> {
  const scale = Math.min(sidePx / Math.max(image.width, image.height), 1);
  const copy = await createImageBitmap(image, {
    resizeWidth: Math.max(1, Math.round(image.width * scale)),
    resizeHeight: Math.max(1, Math.round(image.height * scale)),
    resizeQuality: "medium",
  });
  image.close();
  return copy;
}
