/** The packed color of each point, from its class, its state and the theme. */

import { type Color, parseColor } from "../gl";
import { DIMMED, FADED, HIDDEN, MATCHED, SELECTED } from "../stage";

const DIMMED_OPACITY = 0.6;
// A dimmed color is moved toward its gray, and then toward the background, by these shares.
const DIMMED_GRAY = 0.65;
const DIMMED_BACKGROUND = 0.7;
export const DIMMED_IMAGE_OPACITY = 0.2;
// Larger selections are not drawn again above the other points, which would take too long.
const MOST_CHOSEN = 200_000;

/** The brightness of an sRGB color, 0 to 1: the weights of Rec. 601, rounded. */
export function luminance([r, g, b]: Color): number {
  return 0.3 * r + 0.6 * g + 0.1 * b;
}

/** The color of an item without a category. */
export function neutralColor(background: string): Color {
  return luminance(parseColor(background)) > 0.5 ? [0.6, 0.61, 0.64] : [0.46, 0.48, 0.52];
}

/** The color of a dimmed item: close to the background, with little saturation. */
function dimmedColor(color: Color, background: Color): Color {
  const gray = luminance(color);
  return [0, 1, 2].map((i) => {
    const muted = DIMMED_GRAY * gray + (1 - DIMMED_GRAY) * color[i]!;
    return (1 - DIMMED_BACKGROUND) * muted + DIMMED_BACKGROUND * background[i]!;
  }) as unknown as Color;
}

/** Red, green, blue and opacity as a little-endian uint32. */
export function packed(color: Color, opacity: number): number {
  const [r, g, b] = color.map((part) => Math.round(part * 255)) as [number, number, number];
  return ((Math.round(opacity * 255) << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** One packed color per item; 0 if the item is hidden. */
export function tints(
  codes: Uint16Array,
  palette: readonly string[],
  states: Uint8Array | null,
  background: string,
): Uint32Array {
  const ground = parseColor(background);
  const colors = palette.map(parseColor);
  colors.push(neutralColor(background));
  const normal = Uint32Array.from(colors, (color) => packed(color, 1));
  const last = palette.length;
  const result = new Uint32Array(codes.length);
  if (!states) {
    for (let i = 0; i < codes.length; i++) result[i] = normal[Math.min(codes[i]!, last)]!;
    return result;
  }
  // Three rows of colors, and the start of the row of each state: a loop without branches takes a
  // fifth of the time, because the processor cannot predict which items a filter hides.
  const dimmed = colors.map((color) => packed(dimmedColor(color, ground), DIMMED_OPACITY));
  const rows = Uint32Array.from([...normal, ...dimmed, ...colors.map(() => 0)]);
  const starts = Uint32Array.from({ length: 256 }, (_, state) => {
    if (state & HIDDEN) return 2 * colors.length;
    return state & (DIMMED | FADED) ? colors.length : 0;
  });
  for (let i = 0; i < codes.length; i++) {
    result[i] = rows[starts[states[i]!]! + Math.min(codes[i]!, last)]!;
  }
  return result;
}

/** The items to draw again above all others. */
export function chosenItems(states: Uint8Array | null): Uint32Array {
  const found: number[] = [];
  if (states) {
    for (let i = 0; i < states.length && found.length < MOST_CHOSEN; i++) {
      if (states[i]! & (SELECTED | MATCHED) && !(states[i]! & (HIDDEN | FADED))) found.push(i);
    }
  }
  return Uint32Array.from(found);
}
