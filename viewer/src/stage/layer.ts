/**
 * The picture of all points, kept in a texture: while the view moves, only so many are drawn as a
 * frame has time for; once it rests, the others follow, a frame's worth at a time.
 */
import type { PointLook, PointPass } from "./points";

type Run = readonly [number, number];

export class PointLayer {
  private readonly frame: WebGLFramebuffer;
  private readonly color: WebGLRenderbuffer;
  private readonly depth: WebGLRenderbuffer;
  private width = 0;
  private height = 0;
  private look: PointLook | undefined;
  private runs: readonly Run[] = [];
  private run = 0;
  private at = 0;
  private finished = true;
  drawn = 0;

  constructor(
    private readonly gl: WebGL2RenderingContext,
    private readonly pass: PointPass,
  ) {
    this.frame = gl.createFramebuffer();
    this.color = gl.createRenderbuffer();
    this.depth = gl.createRenderbuffer();
  }

  resize(width: number, height: number): void {
    const { gl } = this;
    this.width = width;
    this.height = height;
    gl.bindRenderbuffer(gl.RENDERBUFFER, this.color);
    gl.renderbufferStorage(gl.RENDERBUFFER, gl.RGBA8, width, height);
    gl.bindRenderbuffer(gl.RENDERBUFFER, this.depth);
    gl.renderbufferStorage(gl.RENDERBUFFER, gl.DEPTH_COMPONENT16, width, height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.RENDERBUFFER, this.color);
    gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.RENDERBUFFER, this.depth);
  }

  /** Begin a new picture: these runs of items, in this order. */
  restart(look: PointLook, runs: readonly Run[]): void {
    const { gl } = this;
    this.look = look;
    this.runs = runs;
    this.run = 0;
    this.at = runs[0]?.[0] ?? 0;
    this.drawn = 0;
    this.finished = false;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    gl.viewport(0, 0, this.width, this.height);
    gl.clearColor(...look.background, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | (look.deep ? gl.DEPTH_BUFFER_BIT : 0));
  }

  get done(): boolean {
    return this.finished;
  }

  /** Draw about `budget` more points. */
  advance(budget: number): void {
    const { gl, pass } = this;
    if (this.finished || !this.look) return;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    gl.viewport(0, 0, this.width, this.height);
    pass.begin(this.look);
    let left = budget;
    while (left > 0 && this.run < this.runs.length) {
      const end = this.runs[this.run]![1];
      const until = Math.min(end, this.at + left);
      pass.draw(this.at, until);
      left -= until - this.at;
      this.drawn += until - this.at;
      this.at = until;
      if (until === end) this.at = this.runs[++this.run]?.[0] ?? 0;
    }
    if (this.run < this.runs.length) return;
    pass.drawChosen();
    this.finished = true;
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
    this.gl.deleteRenderbuffer(this.color);
    this.gl.deleteRenderbuffer(this.depth);
  }

  /** Onto the canvas, with what stands above all, though points may still be missing. */
  present(): void {
    const { gl, width, height } = this;
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, this.frame);
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, null);
    gl.blitFramebuffer(0, 0, width, height, 0, 0, width, height, gl.COLOR_BUFFER_BIT, gl.NEAREST);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, width, height);
    if (!this.finished && this.look) {
      this.pass.begin(this.look);
      this.pass.drawChosen();
    }
  }
}
