/** The pass that draws the images with their borders: instanced quads in one draw call. */
import { Program } from "../gl";
import type { PointLook } from "../points/point-pass";
import { DIMMED_IMAGE_OPACITY } from "../points/tints";
import { LAYER_SIDE } from "./atlas";

/** Floats per image: position 3, cell 2, shape 2, texels 4, layer 1, border 3, opacity 1, rim 1, dim 1. */
export const FLOATS = 18;

const VERTEX = `#version 300 es
precision highp float;
layout(location = 0) in vec3 position;
layout(location = 1) in vec2 cell;
layout(location = 2) in vec2 shape;   // width and height, relative to the longer side
layout(location = 3) in vec4 texels;  // left, top, width, height
layout(location = 4) in vec4 border;  // color, and the layer of the texture
layout(location = 5) in vec3 extra;   // opacity; 1 for a rim in the highlight color; 1 if dimmed
uniform mat4 view;
uniform vec4 cell_grid;
uniform float blend;
uniform vec2 viewport;                // device pixels, like all sizes here
uniform float side;
uniform float edge;
uniform float rim;
out vec2 local;                       // from the image's lower left corner
flat out vec2 sides;
flat out vec4 source;
flat out vec4 tone;
flat out vec3 more;

void main() {
  vec2 flat_ = mix(position.xy, cell_grid.xy + cell * cell_grid.zw, blend);
  vec4 clip = view * vec4(flat_, position.z, 1.0);
  sides = max(round(side * shape), 1.0);
  // aligned to whole pixels: an image at its own size stays sharp
  vec2 low = floor((clip.xy * 0.5 + 0.5) * viewport - 0.5 * sides + 0.5);
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  float around = edge + rim * extra.y + 1.0;
  local = corner * (sides + 2.0 * around) - around;
  gl_Position = vec4((low + local) / viewport * 2.0 - 1.0, 0.0, 1.0);
  source = texels;
  tone = border;
  more = extra;
}`;

const FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler2DArray;
in vec2 local;
flat in vec2 sides;
flat in vec4 source;
flat in vec4 tone;
flat in vec3 more;
uniform sampler2DArray images;
uniform float edge;
uniform float rim;
uniform vec3 highlight;
uniform vec3 background;
uniform float dimmed;                 // opacity of a dimmed image above the background
out vec4 result;

void main() {
  vec2 middle = 0.5 * sides;
  float round_ = edge * 1.25;         // radius of the corners
  vec2 corner = abs(local - middle) - middle - edge + round_;
  float outer = length(max(corner, 0.0)) + min(max(corner.x, corner.y), 0.0) - round_;
  float cover = clamp(0.5 - outer + rim * more.y, 0.0, 1.0) * more.x;
  vec2 inside = clamp(local + 0.5, 0.0, 1.0) * clamp(sides - local + 0.5, 0.0, 1.0);
  vec2 at = vec2(local.x, sides.y - local.y) / sides * source.zw;
  at = source.xy + clamp(at, vec2(0.5), source.zw - 0.5);
  vec3 image = texture(images, vec3(at / ${LAYER_SIDE}.0, tone.a)).rgb;
  vec3 color = mix(tone.rgb, image, inside.x * inside.y);
  color = mix(color, highlight, clamp(outer + 0.5, 0.0, 1.0) * more.y);
  // opaque, so that no points are visible behind a dimmed image
  color = mix(color, background, (1.0 - dimmed) * more.z);
  result = vec4(color * cover, cover);
}`;

export interface ImageLook extends PointLook {
  readonly width: number; // device pixels, like the next fields
  readonly height: number;
  readonly imagePx: number;
  readonly borderPx: number;
  readonly rimPx: number;
}

export class ImagePass {
  private readonly program: Program;
  private readonly array: WebGLVertexArrayObject;
  private readonly buffer: WebGLBuffer;

  constructor(private readonly gl: WebGL2RenderingContext) {
    this.program = new Program(gl, VERTEX, FRAGMENT);
    this.array = gl.createVertexArray();
    this.buffer = gl.createBuffer();
    gl.bindVertexArray(this.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    let offset = 0;
    for (const [location, floats] of [3, 2, 2, 4, 4, 3].entries()) {
      gl.enableVertexAttribArray(location);
      gl.vertexAttribPointer(location, floats, gl.FLOAT, false, 4 * FLOATS, 4 * offset);
      gl.vertexAttribDivisor(location, 1);
      offset += floats;
    }
    gl.bindVertexArray(null);
  }

  /** `data` holds FLOATS numbers per image, for `count` images. */
  draw(look: ImageLook, texture: WebGLTexture, data: Float32Array, count: number): void {
    if (count === 0) return;
    const { gl, program } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    gl.bufferData(gl.ARRAY_BUFFER, data.subarray(0, count * FLOATS), gl.STREAM_DRAW);
    program.use();
    gl.bindVertexArray(this.array);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
    gl.uniform1i(program.at("images"), 0);
    gl.uniformMatrix4fv(program.at("view"), false, look.matrix);
    gl.uniform4fv(program.at("cell_grid"), look.cellGrid);
    gl.uniform1f(program.at("blend"), look.blend);
    gl.uniform2f(program.at("viewport"), look.width, look.height);
    gl.uniform1f(program.at("side"), look.imagePx);
    gl.uniform1f(program.at("edge"), look.borderPx);
    gl.uniform1f(program.at("rim"), look.rimPx);
    gl.uniform3fv(program.at("highlight"), look.highlight);
    gl.uniform3fv(program.at("background"), look.background);
    gl.uniform1f(program.at("dimmed"), DIMMED_IMAGE_OPACITY);
    gl.enable(gl.BLEND);
    gl.disable(gl.DEPTH_TEST);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, count);
  }
}
