/** WebGL 2 helpers that all passes share. */

/** The browser offers no WebGL 2. The page then shows its static picture. */
export class NoWebGLError extends Error {
  override readonly name = "NoWebGLError";
}

export type Color = readonly [number, number, number];

export function context(canvas: HTMLCanvasElement): WebGL2RenderingContext {
  const gl = canvas.getContext("webgl2", {
    alpha: false,
    antialias: false, // the passes antialias their own edges
    depth: false,
    powerPreference: "high-performance",
  });
  if (!gl) {
    throw new NoWebGLError(
      "This browser does not offer WebGL 2, which the map needs. Turn on hardware acceleration, or open the page in a current browser.",
    );
  }
  return gl;
}

/** A linked program and its uniform locations. */
export class Program {
  private readonly program: WebGLProgram;
  private readonly locations = new Map<string, WebGLUniformLocation | null>();

  constructor(
    private readonly gl: WebGL2RenderingContext,
    vertex: string,
    fragment: string,
  ) {
    this.program = gl.createProgram();
    const shaders = [
      [gl.VERTEX_SHADER, vertex],
      [gl.FRAGMENT_SHADER, fragment],
    ] as const;
    const parts = shaders.map(([kind, source]) => {
      const shader = gl.createShader(kind)!;
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
      return shader;
    });
    gl.linkProgram(this.program);
    if (!gl.getProgramParameter(this.program, gl.LINK_STATUS) && !gl.isContextLost()) {
      const logs = parts.map((shader) => gl.getShaderInfoLog(shader)).join("\n");
      throw new Error(
        `The browser cannot build a shader. Update the graphics driver, or turn off hardware acceleration. ${gl.getProgramInfoLog(this.program)}\n${logs}`,
      );
    }
    for (const shader of parts) gl.deleteShader(shader);
  }

  use(): void {
    this.gl.useProgram(this.program);
  }

  at(name: string): WebGLUniformLocation | null {
    let location = this.locations.get(name);
    if (location === undefined) {
      location = this.gl.getUniformLocation(this.program, name);
      this.locations.set(name, location);
    }
    return location;
  }
}

export function parseColor(hex: string): Color {
  const value = Number.parseInt(hex.slice(1), 16);
  return [(value >> 16) / 255, ((value >> 8) & 255) / 255, (value & 255) / 255];
}

/** Whether WebGL runs on the CPU, as in virtual machines. */
export function isSoftware(gl: WebGL2RenderingContext): boolean {
  const names = gl.getExtension("WEBGL_debug_renderer_info");
  const renderer = String(gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(renderer);
}
