/** Number of points that fit into a frame, learned from the time of the previous frames. */

const FIRST = 60_000;
const LEAST = 20_000;
// A frame at 60 Hz, and a frame at 20 Hz, with some tolerance.
const QUICK_MS = 20;
const SLOW_MS = 42;

export class FrameBudget {
  budget = FIRST;
  private fence: WebGLSync | null = null;
  private started = 0;
  private points = 0;

  constructor(private readonly gl: WebGL2RenderingContext) {}

  /** Whether the GPU has finished the last frame. Until then, a new frame would only queue. */
  ready(now: number): boolean {
    const { gl, fence } = this;
    if (!fence) return true;
    const signaled = gl.getSyncParameter(fence, gl.SYNC_STATUS) === gl.SIGNALED;
    if (!signaled && !gl.isContextLost() && now - this.started < 2000) return false;
    gl.deleteSync(fence);
    this.fence = null;
    this.learn(now - this.started);
    return true;
  }

  /** Record that a frame with `points` points has been sent to the GPU. */
  sent(now: number, points: number): void {
    this.fence = this.gl.fenceSync(this.gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    this.gl.flush();
    this.started = now;
    this.points = points;
  }

  private learn(ms: number): void {
    if (this.points < this.budget / 2) return; // too few points to measure the budget
    if (ms > SLOW_MS) this.budget *= Math.max(SLOW_MS / ms, 0.5);
    else if (ms < QUICK_MS) this.budget *= 1.5;
    else if (ms < 0.85 * SLOW_MS) this.budget *= 1.1;
    this.budget = Math.min(Math.max(this.budget, LEAST), 2 ** 30);
  }
}
