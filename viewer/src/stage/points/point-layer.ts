/**
 * The picture of all points, kept beside the canvas: while the view moves, only so many are drawn as
 * a frame has time for; once it rests, the others follow, a frame's worth at a time.
 */
import { Program } from "../gl";
import type { PointLook } from "./point-pass";

export type Run = readonly [number, number];

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
  /** So many points of the picture are drawn. */
  drawn = 0;
  done = true;
  protected width = 1;
  protected height = 1;
  protected look: PointLook | undefined;
  protected readonly texture: WebGLTexture;
  private readonly program: Program;
  private runs: readonly Run[] = [];
  private run = 0;
  private at = 0;

  constructor(protected readonly gl: WebGL2RenderingContext) {
    this.texture = gl.createTexture();
    this.program = new Program(gl, VERTEX, FRAGMENT);
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
  /** The picture's bytes: red, green, blue and opacity, the lowest row first. */
  abstract pixels(): Uint8Array;

  /** The budget where the view rests: nothing else waits for the frame. */
  get restingBudget(): number {
    return this.budget;
  }

  protected finish(): void {}

  /** Bring what was drawn into `texture`, where it does not lie there already. */
  protected upload(): void {}

  resize(width: number, height: number): void {
    this.width = width;
    this.height = height;
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST); // it has no smaller copies
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

  /** Onto the canvas. Copied by a draw call: in software, blitFramebuffer takes forty times as long. */
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
