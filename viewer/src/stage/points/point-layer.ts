/**
 * The drawing of all points, kept in a texture. While the view moves, a frame draws only as many
 * points as it has time for. While the view rests, each frame adds some of the other points.
 */
import { Program } from "../gl";
import type { ItemRange } from "../layout/chunks";
import type { PointLook } from "./point-pass";

const VERTEX = `#version 300 es
void main() {
  gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
uniform highp sampler2D picture;
out vec4 result;
void main() {
  result = texelFetch(picture, ivec2(gl_FragCoord.xy), 0);
}`;

export abstract class PointLayer {
  /** Number of points drawn so far. */
  drawn = 0;
  done = true;
  protected width = 1;
  protected height = 1;
  protected look: PointLook | undefined;
  protected readonly texture: WebGLTexture;
  private readonly program: Program;
  private ranges: readonly ItemRange[] = [];
  private range = 0;
  private at = 0;

  constructor(protected readonly gl: WebGL2RenderingContext) {
    this.texture = gl.createTexture();
    this.program = new Program(gl, VERTEX, FRAGMENT);
  }

  /** Column and row of each item in the grid, shape (n, 2). */
  abstract setGrid(cells: Uint16Array): void;
  /** Set the packed color of each item, and the items to draw above all others. */
  abstract setTints(tints: Uint32Array, chosen: Uint32Array): void;
  /** Number of points that fit into a frame. */
  abstract readonly budget: number;
  protected abstract allocate(): void;
  protected abstract clear(look: PointLook): void;
  protected abstract begin(look: PointLook): void;
  protected abstract draw(start: number, end: number): void;
  protected abstract drawChosen(): void;
  /** The pixels as RGBA bytes, bottom row first. */
  abstract pixels(): Uint8Array;

  /** The budget while the view rests. */
  get restingBudget(): number {
    return this.budget;
  }

  protected finish(): void {}

  /** Copy the drawing into `texture`, if it is not there yet. */
  protected upload(): void {}

  resize(width: number, height: number): void {
    this.width = width;
    this.height = height;
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST); // no mipmaps
    this.allocate();
  }

  /** Start a new drawing of these ranges of items, in this order. */
  restart(look: PointLook, ranges: readonly ItemRange[]): void {
    this.look = look;
    this.ranges = ranges;
    this.range = 0;
    this.at = ranges[0]?.[0] ?? 0;
    this.drawn = 0;
    this.done = false;
    this.clear(look);
  }

  /** Draw `count` more points. */
  advance(count: number): void {
    if (this.done || !this.look) return;
    this.begin(this.look);
    let left = Math.ceil(count);
    while (left > 0 && this.range < this.ranges.length) {
      const end = this.ranges[this.range]![1];
      const until = Math.min(end, this.at + left);
      this.draw(this.at, until);
      left -= until - this.at;
      this.drawn += until - this.at;
      this.at = until;
      if (until === end) this.at = this.ranges[++this.range]?.[0] ?? 0;
    }
    this.done = this.range >= this.ranges.length;
    this.drawChosen(); // after each step, so that these items are on top while points are missing
    this.finish();
  }

  /** Draw onto the canvas by a draw call: blitFramebuffer takes 40 times as long in software. */
  present(): void {
    const { gl, program } = this;
    this.upload();
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, this.width, this.height);
    gl.disable(gl.BLEND);
    gl.disable(gl.DEPTH_TEST);
    gl.bindVertexArray(null);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    program.use();
    gl.uniform1i(program.at("picture"), 0);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}
