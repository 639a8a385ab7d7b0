/** Draws points with WebGL, for browsers with a GPU. */

import type { FrameBudget } from "./frame-budget";
import { PointLayer } from "./point-layer";
import type { PointLook, PointPass } from "./point-pass";

export class GpuLayer extends PointLayer {
  private readonly framebuffer: WebGLFramebuffer;
  private readonly depth: WebGLRenderbuffer;

  constructor(
    gl: WebGL2RenderingContext,
    private readonly pass: PointPass,
    private readonly frameBudget: FrameBudget,
  ) {
    super(gl);
    this.framebuffer = gl.createFramebuffer();
    this.depth = gl.createRenderbuffer();
  }

  get budget(): number {
    return this.frameBudget.budget;
  }

  setGrid(cells: Uint16Array): void {
    this.pass.setGrid(cells);
  }

  setTints(tints: Uint32Array, chosen: Uint32Array): void {
    this.pass.setTints(tints, chosen);
  }

  protected allocate(): void {
    const { gl, width, height } = this;
    gl.bindRenderbuffer(gl.RENDERBUFFER, this.depth);
    gl.renderbufferStorage(gl.RENDERBUFFER, gl.DEPTH_COMPONENT16, width, height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.texture, 0);
    gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.RENDERBUFFER, this.depth);
  }

  protected clear(look: PointLook): void {
    const { gl } = this;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
    gl.clearColor(...look.background, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  }

  protected begin(look: PointLook): void {
    const { gl } = this;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
    gl.viewport(0, 0, this.width, this.height);
    this.pass.begin(look);
  }

  protected draw(start: number, end: number): void {
    this.pass.draw(start, end);
  }

  protected drawChosen(): void {
    this.pass.drawChosen();
  }

  pixels(): Uint8Array {
    const { gl, width, height } = this;
    const bytes = new Uint8Array(4 * width * height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    return bytes;
  }
}
