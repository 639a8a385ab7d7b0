/**
 * The picture of all points, kept beside the canvas: while the view moves, only so many are drawn as
 * a frame has time for; once it rests, the others follow, a frame's worth at a time.
 */
import type { PointLook } from "./points";

export type Run = readonly [number, number];

export abstract class Layer {
  /** So many points of the picture are drawn. */
  drawn = 0;
  done = true;
  protected width = 1;
  protected height = 1;
  protected look: PointLook | undefined;
  protected readonly frame: WebGLFramebuffer;
  private runs: readonly Run[] = [];
  private run = 0;
  private at = 0;

  constructor(protected readonly gl: WebGL2RenderingContext) {
    this.frame = gl.createFramebuffer();
  }

  /** (n, 2), column and row in the grid view. */
  abstract setGrid(cells: Uint16Array): void;
  /** Each item's color and opacity, and the items that stand above all others. */
  abstract setTints(tints: Uint32Array, chosen: Uint32Array): void;
  /** How many points a frame has time for. */
  abstract readonly budget: number;
  protected abstract allocate(): void;
  protected abstract clear(look: PointLook): void;
  protected abstract begin(look: PointLook): void;
  protected abstract draw(start: number, end: number): void;
  protected abstract drawChosen(): void;
  /** What was drawn now lies in `frame`. */
  protected abstract finish(): void;
  protected abstract free(): void;

  resize(width: number, height: number): void {
    this.width = width;
    this.height = height;
    this.allocate();
  }

  /** Begin a new picture: these runs of items, in this order. */
  restart(look: PointLook, runs: readonly Run[]): void {
    this.look = look;
    this.runs = runs;
    this.run = 0;
    this.at = runs[0]?.[0] ?? 0;
    this.drawn = 0;
    this.done = false;
    this.clear(look);
  }

  /** Draw so many points more. */
  advance(count: number): void {
    if (this.done || !this.look) return;
    this.begin(this.look);
    let left = Math.ceil(count);
    while (left > 0 && this.run < this.runs.length) {
      const end = this.runs[this.run]![1];
      const until = Math.min(end, this.at + left);
      this.draw(this.at, until);
      left -= until - this.at;
      this.drawn += until - this.at;
      this.at = until;
      if (until === end) this.at = this.runs[++this.run]?.[0] ?? 0;
    }
    this.done = this.run >= this.runs.length;
    this.drawChosen(); // each time: what stands above all does so though points are missing
    this.finish();
  }

  /** Onto the canvas. */
  present(): void {
    const { gl, width, height } = this;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, width, height);
    gl.clear(gl.COLOR_BUFFER_BIT); // or Chromium clears what is copied, at the next draw call
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, this.frame);
    gl.blitFramebuffer(0, 0, width, height, 0, 0, width, height, gl.COLOR_BUFFER_BIT, gl.NEAREST);
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, null);
  }

  /** The picture's bytes: red, green, blue and opacity, the lowest row first. */
  pixels(): Uint8Array<ArrayBuffer> {
    const { gl, width, height } = this;
    const bytes = new Uint8Array(4 * width * height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    return bytes;
  }

  dispose(): void {
    this.gl.deleteFramebuffer(this.frame);
    this.free();
  }
}
