/** Class colors by theme: one palette for a white background, lightened for a dark one. */

export type ThemeName = "light" | "dark";
type Three = readonly [number, number, number];
type Matrix = readonly [Three, Three, Three];

// On dark, a color's OKLab lightness moves a quarter of the way to this value.
const LIGHT = 0.8;
const KEPT = 0.75;

// OKLab: Ottosson (2020), "A perceptual color space for image processing".
const LMS_FROM_LINEAR: Matrix = [
  [0.4122214708, 0.5363325363, 0.0514459929],
  [0.2119034982, 0.6806995451, 0.1073969566],
  [0.0883024619, 0.2817188376, 0.6299787005],
];
const OKLAB_FROM_ROOTS: Matrix = [
  [0.2104542553, 0.793617785, -0.0040720468],
  [1.9779984951, -2.428592205, 0.4505937099],
  [0.0259040371, 0.7827717662, -0.808675766],
];
const LINEAR_FROM_LMS: Matrix = [
  [4.0767416621, -3.3077115913, 0.2309699292],
  [-1.2684380046, 2.6097574011, -0.3413193965],
  [-0.0041960863, -0.7034186147, 1.707614701],
];

function times(matrix: Matrix, [x, y, z]: Three): Three {
  return matrix.map(([a, b, c]) => a * x + b * y + c * z) as unknown as Three;
}

function each(three: Three, change: (part: number) => number): Three {
  return three.map(change) as unknown as Three;
}

/** Convert "#rrggbb" to linear red, green and blue from 0 to 1 (sRGB: IEC 61966-2-1). */
export function linear(hex: string): Three {
  const parts = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
  return each(parts as unknown as Three, (part) =>
    part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
  );
}

function hex(light: Three): string {
  const parts = light.map((part) => {
    const within = Math.min(Math.max(part, 0), 1);
    const coded = within <= 0.0031308 ? 12.92 * within : 1.055 * within ** (1 / 2.4) - 0.055;
    return Math.round(coded * 255)
      .toString(16)
      .padStart(2, "0");
  });
  return `#${parts.join("")}`;
}

/** The cube roots of the cone responses to linear red, green and blue. */
function coneRoots(light: Three): Three {
  return each(times(LMS_FROM_LINEAR, light), Math.cbrt);
}

/** Lightness, green to red, and blue to yellow of linear red, green and blue. */
export function oklab(light: Three): Three {
  return times(OKLAB_FROM_ROOTS, coneRoots(light));
}

function lightened(color: string): string {
  const light = linear(color);
  const [lightness] = oklab(light);
  // A gray's roots equal its lightness: adding one number to all roots changes only lightness.
  const added = (1 - KEPT) * (LIGHT - lightness);
  return hex(
    times(
      LINEAR_FROM_LMS,
      each(coneRoots(light), (root) => (root + added) ** 3),
    ),
  );
}

const DARKER = 0.55; // of the color of a class, for legible text on a light background
const LIGHTER = 0.45; // share of white in the color of a name on a dark background

/** A legible shade of the color of a class in a theme; as in the pictures that Python draws. */
export function nameColor(color: string, theme: ThemeName): string {
  const levels = [1, 3, 5].map((at) => {
    const level = Number.parseInt(color.slice(at, at + 2), 16);
    return Math.round(theme === "light" ? DARKER * level : level + LIGHTER * (255 - level));
  });
  return `#${levels.map((level) => level.toString(16).padStart(2, "0")).join("")}`;
}

/** The color of a class in a theme; "" for a class without a color. */
export function classColor(color: string, theme: ThemeName): string {
  return theme === "light" || color === "" ? color : lightened(color);
}
