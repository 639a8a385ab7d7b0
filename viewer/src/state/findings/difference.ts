/** The difference of two images, pixel by pixel. */

const GAIN = 3; // faint differences, as of another compression, must be visible
const LEAST = 8; // of 255: smaller differences are noise of the thumbnails' compression

/** Return the pixels of a square image as seen in a mirror. Both are RGBA of `side` x `side`. */
function mirror(pixels: Uint8ClampedArray, side: number): Uint8ClampedArray {
  const words = new Uint32Array(pixels.buffer, pixels.byteOffset, side * side).slice();
  for (let row = 0; row < side; row++) words.subarray(row * side, (row + 1) * side).reverse();
  return new Uint8ClampedArray(words.buffer);
}

function distance(one: Uint8ClampedArray, other: Uint8ClampedArray): number {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += Math.abs((one[i] as number) - (other[i] as number));
  return sum;
}

/** Return `other` or its mirror image, whichever differs less from `one`, and which it is. */
export function turnedTo(
  one: Uint8ClampedArray,
  other: Uint8ClampedArray,
  side: number,
): { pixels: Uint8ClampedArray; mirrored: boolean } {
  const turned = mirror(other, side);
  const mirrored = distance(one, turned) < distance(one, other);
  return { pixels: mirrored ? turned : other, mirrored };
}

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
