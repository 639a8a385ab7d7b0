/** The difference of two images, pixel by pixel. */

const GAIN = 3; // faint differences, as of another compression, must be visible
const LEAST = 8; // of 255: smaller differences are noise of the thumbnails' compression

/**
 * Return RGBA pixels in `color`, more opaque where the images differ more, or null if they are
 * equal. Both images are RGBA of the same size.
 */
export function difference(
  one: Uint8ClampedArray,
  other: Uint8ClampedArray,
  color: readonly [number, number, number],
): Uint8ClampedArray<ArrayBuffer> | null {
  const pixels = new Uint8ClampedArray(one.length);
  let differs = false;
  for (let i = 0; i < one.length; i += 4) {
    let most = 0;
    for (let channel = i; channel < i + 3; channel++) {
      most = Math.max(most, Math.abs((one[channel] as number) - (other[channel] as number)));
    }
    if (most < LEAST) continue;
    differs = true;
    pixels.set(color, i);
    pixels[i + 3] = GAIN * most;
  }
  return differs ? pixels : null;
}
