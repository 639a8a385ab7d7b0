/** The WebGL pass that draws a range of items as points with one call of gl.POINTS. */
import { type Color, Program } from "../gl";

// In three dimensions, the farthest points have this share of the background's color.
export const DEPTH_FADE = 0.55;
// The diameters of the nearest points, and how much smaller the farthest are: multiples of the size.
export const NEAREST_SIZE = 1.3;
export const SIZE_RANGE = 0.6;

// Each variable adds a third to the time of a software renderer: the shaders have no unused ones.
const VERTEX = `
precision highp float;
layout(location = 0) in vec3 position;
layout(location = 2) in vec4 tint;  // alpha 0: hidden
uniform mat4 view;
uniform float size;                 // device pixels
uniform vec3 background;
flat out vec4 color;
#ifdef GRID
layout(location = 1) in vec2 cell;
uniform vec4 cell_grid;             // center of the first cell, and the step to the next cell
uniform float blend;                // 0 map, 1 grid
#endif
#ifdef DEEP
flat out float diameter;
#endif

void main() {
  vec3 at = position;
#ifdef GRID
  at.xy = mix(at.xy, cell_grid.xy + cell * cell_grid.zw, blend);
#endif
  gl_Position = view * vec4(at, 1.0);
  float side = size;
  color = vec4(tint.rgb, tint.a);
#ifdef DEEP
  float far = clamp(gl_Position.z * 0.5 + 0.5, 0.0, 1.0);
  color.rgb = mix(color.rgb, background, ${DEPTH_FADE} * far);
  side *= ${NEAREST_SIZE} - ${SIZE_RANGE} * far;
  diameter = side;
#endif
#ifdef SMOOTH
  side = ceil(side) + 1.0;
#else
  side = max(1.0, floor(side + 0.5)); // else the number of pixels depends on the position
#endif
  gl_PointSize = side;
  if (tint.a == 0.0) gl_Position = vec4(2.0, 2.0, 2.0, 1.0); // outside of clip space: not drawn
}`;

const FRAGMENT = `
precision highp float;
flat in vec4 color;
#ifdef DEEP
flat in float diameter;
#else
uniform float size;
#define diameter size
#endif
uniform float opacity;
uniform float rim;       // device pixels
uniform vec3 highlight;
out vec4 result;

void main() {
#ifdef SMOOTH
  vec2 from = abs(gl_PointCoord - 0.5) * (ceil(diameter) + 1.0);
#ifdef SQUARE
  float outer = max(from.x, from.y) - diameter * 0.5;
#else
  float outer = length(from) - diameter * 0.5;
#endif
  float cover = clamp(0.5 - outer, 0.0, 1.0);
  if (cover < 0.02) discard;  // invisible
#ifdef LIT
  vec3 tone = mix(color.rgb, highlight, clamp(outer + rim + 0.5, 0.0, 1.0));
  result = vec4(tone * cover, cover);
#else
#ifdef DEEP
  // The edge writes no depth: it would leave a light seam on the points behind it.
  gl_FragDepth = cover > 0.5 ? gl_FragCoord.z : 1.0;
#endif
  cover *= color.a * opacity;
  result = vec4(color.rgb * cover, cover);
#endif
#else
  float cover = color.a * opacity;
  result = vec4(color.rgb * cover, cover);
#endif
}`;

/** All that a drawing of the points depends on, except the data. */
export interface PointLook {
  readonly matrix: Float32Array;
  /** Grid: center of the first cell, and the step to the next cell. */
  readonly cellGrid: readonly [number, number, number, number];
  /** 0: map, 1: grid. */
  readonly blend: number;
  readonly sizePx: number; // device pixels
  readonly opacity: number;
  readonly pixelRatio: number;
  readonly deep: boolean;
  readonly square: boolean;
  readonly background: Color;
  readonly highlight: Color;
}

/** Smaller points are squares of whole pixels without smooth edges: device pixels. */
export const LEAST_SMOOTH_PX = 2.5;

/** Width of the rim around a selected or matched point, in CSS pixels. */
export const RIM_PX = 1.25;

// A selected or matched point is larger than others by this factor, and at least this large.
const CHOSEN_GROWTH = 1.25;
const LEAST_CHOSEN_PX = 5; // CSS pixels

/** Diameter of a selected or matched point with its rim, in device pixels. */
export function chosenSize({ sizePx, pixelRatio }: PointLook): number {
  return Math.max(sizePx * CHOSEN_GROWTH, LEAST_CHOSEN_PX * pixelRatio) + 2 * RIM_PX * pixelRatio;
}

export class PointPass {
  private readonly programs = new Map<string, Program>();
  private readonly array: WebGLVertexArrayObject;
  private readonly tints: WebGLBuffer;
  private readonly chosen: WebGLBuffer;
  private nChosen = 0;
  private look: PointLook | undefined;

  /** `positions` has shape (n, dimensions). */
  constructor(
    private readonly gl: WebGL2RenderingContext,
    positions: Float32Array,
    dimensions: number,
  ) {
    this.array = gl.createVertexArray();
    this.tints = gl.createBuffer();
    this.chosen = gl.createBuffer();
    gl.bindVertexArray(this.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, positions, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, dimensions, gl.FLOAT, false, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.tints);
    gl.bufferData(gl.ARRAY_BUFFER, 4 * (positions.length / dimensions), gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(2);
    gl.vertexAttribPointer(2, 4, gl.UNSIGNED_BYTE, true, 0, 0);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.chosen);
    gl.bindVertexArray(null);
  }

  setGrid(cells: Uint16Array): void {
    const { gl } = this;
    gl.bindVertexArray(this.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, cells, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribPointer(1, 2, gl.UNSIGNED_SHORT, false, 0, 0);
    gl.bindVertexArray(null);
  }

  /** Set the packed color of each item, and the items to draw above all others. */
  setTints(tints: Uint32Array, chosen: Uint32Array): void {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.tints);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, tints);
    gl.bindVertexArray(this.array);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, chosen, gl.DYNAMIC_DRAW);
    gl.bindVertexArray(null);
    this.nChosen = chosen.length;
  }

  /** Prepare for `draw` and then `drawChosen`. */
  begin(look: PointLook): void {
    this.look = look;
    this.prepare(look, look.sizePx, false);
  }

  draw(start: number, end: number): void {
    this.gl.drawArrays(this.gl.POINTS, start, end - start);
  }

  drawChosen(): void {
    if (this.nChosen === 0 || !this.look) return;
    this.prepare(this.look, chosenSize(this.look), true);
    this.gl.drawElements(this.gl.POINTS, this.nChosen, this.gl.UNSIGNED_INT, 0);
  }

  private prepare(look: PointLook, sizePx: number, lit: boolean): void {
    const { gl } = this;
    const program = this.program([
      ...(look.blend > 0 ? ["GRID"] : []),
      ...(look.deep ? ["DEEP"] : []),
      ...(lit || sizePx >= LEAST_SMOOTH_PX ? ["SMOOTH"] : []),
      ...(look.square && !lit ? ["SQUARE"] : []),
      ...(lit ? ["LIT"] : []),
    ]);
    program.use();
    gl.bindVertexArray(this.array);
    gl.uniformMatrix4fv(program.at("view"), false, look.matrix);
    gl.uniform4fv(program.at("cell_grid"), look.cellGrid);
    gl.uniform1f(program.at("blend"), look.blend);
    gl.uniform1f(program.at("size"), sizePx);
    gl.uniform1f(program.at("opacity"), look.opacity);
    gl.uniform1f(program.at("rim"), RIM_PX * look.pixelRatio);
    gl.uniform3fv(program.at("background"), look.background);
    gl.uniform3fv(program.at("highlight"), look.highlight);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.depthFunc(gl.LEQUAL);
    if (look.deep && !lit) gl.enable(gl.DEPTH_TEST);
    else gl.disable(gl.DEPTH_TEST);
  }

  private program(parts: readonly string[]): Program {
    const key = parts.join();
    let program = this.programs.get(key);
    if (!program) {
      const head = ["#version 300 es", ...parts.map((part) => `#define ${part}`)].join("\n");
      program = new Program(this.gl, head + VERTEX, head + FRAGMENT);
      this.programs.set(key, program);
    }
    return program;
  }
}
