/**
 * Draws points on the CPU, for browsers without a GPU. There, writing the pixels is faster than
 * software WebGL: see docs/explanation/design.md.
 */

import { timeMs } from "../../time";
import type { Color } from "../gl";
import { PointLayer } from "./point-layer";
import {
  chosenSize,
  DEPTH_FADE,
  LEAST_SMOOTH_PX,
  NEAREST_SIZE,
  type PointLook,
  RIM_PX,
  SIZE_RANGE,
} from "./point-pass";
import { packed } from "./tints";

// Time for the points in a frame while the view moves, and while it rests: at 60 Hz, 16 ms for all.
const FRAME_MS = 2.5;
const RESTING_MS = 12;
// Numbers of points: the budget before the first measurement, and the least budget.
const FIRST = 200_000;
const LEAST = 50_000;
const LEARNING_RATE = 0.4; // weight of the last frame in the budget
const LEAST_MEASURED_MS = 0.5; // shorter times are too inexact: browsers round the clock
const BEYOND_ALL = 2; // depth behind every point: clip space ends at 1
// Coverage is computed for PHASES x PHASES positions of its center within a pixel.
const PHASES = 4;
const FULL_BITS = 7;
export const FULL = 1 << FULL_BITS;
const OPAQUE = 0xff << 24;

/** Coverage of a disc or square by pixel, 0 to FULL, for each phase of its center. */
interface Stamp {
  readonly side: number;
  readonly cover: Uint8Array; // (PHASES, PHASES, side, side)
}

function makeStamp(diameter: number, square: boolean): Stamp {
  const half = Math.ceil(diameter / 2 + 0.5);
  const side = 2 * half + 1;
  const cover = new Uint8Array(PHASES * PHASES * side * side);
  const from = (pixel: number, phase: number) =>
    Math.abs(pixel + 0.5 - half - (phase + 0.5) / PHASES);
  for (let at = 0; at < cover.length; at++) {
    const phase = Math.floor(at / (side * side));
    const dx = from(at % side, phase % PHASES);
    const dy = from(Math.floor(at / side) % side, Math.floor(phase / PHASES));
    const outer = (square ? Math.max(dx, dy) : Math.hypot(dx, dy)) - diameter / 2;
    cover[at] = Math.round(FULL * Math.min(Math.max(0.5 - outer, 0), 1));
  }
  return { side, cover };
}

/**
 * Blend `over` onto `under` with a coverage of 0 to FULL. Colors are little-endian int32 of red,
 * green, blue and opacity. All values fit into 31 bits, which engines keep as integers.
 */
export function blended(under: number, over: number, cover: number): number {
  const rest = FULL - cover;
  const redBlue =
    (Math.imul(over & 0xff00ff, cover) + Math.imul(under & 0xff00ff, rest)) >>> FULL_BITS;
  const green =
    (Math.imul(over & 0x00ff00, cover) + Math.imul(under & 0x00ff00, rest)) >>> FULL_BITS;
  return OPAQUE | (redBlue & 0xff00ff) | (green & 0x00ff00);
}

/** A color as the int32 that the buffer holds. */
function opaque(color: Color): number {
  return packed(color, 1) | 0;
}

export class CpuLayer extends PointLayer {
  budget = FIRST;
  private buffer = new Int32Array(1);
  private depths = new Float32Array(0);
  private cells: Uint16Array | null = null;
  private tints: Int32Array = new Int32Array(0);
  private chosen: Uint32Array = new Uint32Array(0);
  private readonly stamps = new Map<number, Stamp>();
  private changed = false;
  private started = 0;
  private before = 0;

  constructor(
    gl: WebGL2RenderingContext,
    private readonly positions: Float32Array,
    private readonly dimensions: number,
  ) {
    super(gl);
  }

  override get restingBudget(): number {
    return (this.budget * RESTING_MS) / FRAME_MS;
  }

  setGrid(cells: Uint16Array): void {
    this.cells = cells;
  }

  setTints(tints: Uint32Array, chosen: Uint32Array): void {
    this.tints = new Int32Array(tints.buffer, tints.byteOffset, tints.length); // same bytes
    this.chosen = chosen;
  }

  protected allocate(): void {
    this.buffer = new Int32Array(this.width * this.height);
  }

  protected clear(look: PointLook): void {
    this.buffer.fill(opaque(look.background));
    if (!look.deep) return;
    if (this.depths.length !== this.buffer.length)
      this.depths = new Float32Array(this.buffer.length);
    this.depths.fill(BEYOND_ALL);
  }

  protected begin(): void {
    this.started = timeMs();
    this.before = this.drawn;
  }

  protected override finish(): void {
    this.changed = true;
    const spent = timeMs() - this.started;
    const drawn = this.drawn - this.before;
    if (drawn > LEAST / 2 && spent > LEAST_MEASURED_MS) {
      const fits = (drawn * FRAME_MS) / spent;
      this.budget = Math.max(LEAST, this.budget + LEARNING_RATE * (fits - this.budget));
    }
  }

  protected override upload(): void {
    if (!this.changed) return;
    this.changed = false;
    const { gl, width, height } = this;
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texSubImage2D(
      gl.TEXTURE_2D,
      0,
      0,
      0,
      width,
      height,
      gl.RGBA,
      gl.UNSIGNED_BYTE,
      this.pixels(),
    );
  }

  pixels(): Uint8Array {
    return new Uint8Array(this.buffer.buffer);
  }

  protected draw(start: number, end: number): void {
    const look = this.look!;
    if (look.deep) this.drawDeep(look, start, end);
    else this.drawFlat(look, start, end);
  }

  private drawFlat(look: PointLook, start: number, end: number): void {
    const { positions, tints, buffer, width, height } = this;
    const [x0, xx, y0, yy] = flatTransform(look.matrix, width, height);
    const { blend, cellGrid } = look;
    const cells = blend > 0 ? this.cells : null;
    const smooth = look.sizePx >= LEAST_SMOOTH_PX;
    const stamp = this.stamp(look.sizePx, look.square);
    const side = Math.max(1, Math.round(look.sizePx));
    const shift = side / 2 - 0.5;
    const opacity = Math.round(((256 * FULL) / 255) * look.opacity);
    for (let i = start; i < end; i++) {
      const tint = tints[i]!;
      if (tint === 0) continue;
      let x = positions[2 * i]!;
      let y = positions[2 * i + 1]!;
      if (cells) {
        x += (cellGrid[0] + cells[2 * i]! * cellGrid[2] - x) * blend;
        y += (cellGrid[1] + cells[2 * i + 1]! * cellGrid[3] - y) * blend;
      }
      x = x0 + xx * x;
      y = y0 + yy * y;
      const cover = ((tint >>> 24) * opacity) >> 8;
      if (smooth) {
        this.drawStamp(stamp, x, y, tint, cover);
        continue;
      }
      const left = Math.floor(x - shift);
      const low = Math.floor(y - shift);
      const right = Math.min(left + side, width);
      const high = Math.min(low + side, height);
      for (let row = Math.max(low, 0); row < high; row++) {
        for (
          let at = row * width + Math.max(left, 0), stop = row * width + right;
          at < stop;
          at++
        ) {
          buffer[at] = blended(buffer[at]!, tint, cover);
        }
      }
    }
  }

  private drawDeep(look: PointLook, start: number, end: number): void {
    const { positions, tints, depths, width, height } = this;
    const m = look.matrix;
    const ground = opaque(look.background);
    for (let i = start; i < end; i++) {
      const tint = tints[i]!;
      if (tint === 0) continue;
      const x = positions[3 * i]!;
      const y = positions[3 * i + 1]!;
      const z = positions[3 * i + 2]!;
      const right = ((m[0]! * x + m[4]! * y + m[8]! * z + m[12]!) * 0.5 + 0.5) * width;
      const up = ((m[1]! * x + m[5]! * y + m[9]! * z + m[13]!) * 0.5 + 0.5) * height;
      const depth = m[2]! * x + m[6]! * y + m[10]! * z + m[14]!;
      const column = Math.floor(right);
      const row = Math.floor(up);
      if (column < 0 || row < 0 || column >= width || row >= height) continue;
      const far = Math.min(Math.max(depth * 0.5 + 0.5, 0), 1);
      const tone = blended(tint, ground, Math.round(DEPTH_FADE * FULL * far));
      // sizes in steps of half a pixel, so that few stamps are needed
      const size = Math.max(1, Math.round(look.sizePx * (NEAREST_SIZE - SIZE_RANGE * far) * 2) / 2);
      this.drawStamp(this.stamp(size), right, up, tone, (tint >>> 24) >> 1, depth, depths);
    }
  }

  protected drawChosen(): void {
    const { chosen, tints, look } = this;
    if (chosen.length === 0 || !look) return;
    const { pixelRatio, matrix: m, blend, cellGrid } = look;
    const outer = chosenSize(look);
    const rim = this.stamp(outer);
    const inside = this.stamp(outer - 2 * RIM_PX * pixelRatio);
    const highlight = opaque(look.highlight);
    const { positions, dimensions, width, height } = this;
    const cells = blend > 0 ? this.cells : null;
    for (const i of chosen) {
      let x = positions[dimensions * i]!;
      let y = positions[dimensions * i + 1]!;
      const z = dimensions === 3 ? positions[3 * i + 2]! : 0;
      if (cells) {
        x += (cellGrid[0] + cells[2 * i]! * cellGrid[2] - x) * blend;
        y += (cellGrid[1] + cells[2 * i + 1]! * cellGrid[3] - y) * blend;
      }
      const right = ((m[0]! * x + m[4]! * y + m[8]! * z + m[12]!) * 0.5 + 0.5) * width;
      const up = ((m[1]! * x + m[5]! * y + m[9]! * z + m[13]!) * 0.5 + 0.5) * height;
      this.drawStamp(rim, right, up, highlight, FULL);
      this.drawStamp(inside, right, up, tints[i]!, FULL);
    }
  }

  /**
   * Draw a stamp centered at (x, y); with `depths`, only where no nearer point is. The arguments
   * are positional, because the method is called for each point.
   */
  private drawStamp(
    { side, cover }: Stamp,
    x: number,
    y: number,
    tint: number,
    opacity: number,
    depth = 0,
    depths: Float32Array | null = null,
  ): void {
    const { buffer, width, height } = this;
    const column = Math.floor(x);
    const row = Math.floor(y);
    const phase = Math.floor((y - row) * PHASES) * PHASES + Math.floor((x - column) * PHASES);
    const left = column - (side >> 1);
    const low = row - (side >> 1);
    let mask = phase * side * side;
    for (let r = low; r < low + side; r++) {
      if (r < 0 || r >= height) {
        mask += side;
        continue;
      }
      for (let c = left; c < left + side; c++, mask++) {
        const covered = cover[mask]!;
        if (covered === 0 || c < 0 || c >= width) continue;
        const at = r * width + c;
        if (depths) {
          if (depth > depths[at]!) continue;
          if (covered > FULL / 2) depths[at] = depth;
        }
        buffer[at] = blended(buffer[at]!, tint, (covered * opacity) >> FULL_BITS);
      }
    }
  }

  /** The stamp of a diameter, rounded to a quarter of a pixel. */
  private stamp(diameter: number, square = false): Stamp {
    const rounded = Math.round(diameter * 4) / 4;
    const key = square ? -rounded : rounded;
    let stamp = this.stamps.get(key);
    if (!stamp) {
      stamp = makeStamp(rounded, square);
      this.stamps.set(key, stamp);
    }
    return stamp;
  }
}

/** Stage pixels of a matrix without rotation: x0 + xx * x from the left, y0 + yy * y from below. */
function flatTransform(
  m: Float32Array,
  width: number,
  height: number,
): [number, number, number, number] {
  return [
    (m[12]! * 0.5 + 0.5) * width,
    m[0]! * 0.5 * width,
    (m[13]! * 0.5 + 0.5) * height,
    m[5]! * 0.5 * height,
  ];
}
