/** How many points a frame has time for: learnt from how long the last ones took. */

const FIRST = 60_000;
const LEAST = 20_000;
// One frame of a screen of 60 Hz, with a little play; and one of 20 frames a second, less some.
const QUICK_MS = 20;
const SLOW_MS = 42;

export class FrameBudget {
  budget = FIRST;
  private fence: WebGLSync | null = null;
  private started = 0;
  private points = 0;

  constructor(private readonly gl: WebGL2RenderingContext) {}

  /** Whether the last frame is drawn. Until it is, another would only stand behind it in a queue. */
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

  /** A frame with so many points has been sent. */
  sent(now: number, points: number): void {
    this.fence = this.gl.fenceSync(this.gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    this.gl.flush();
    this.started = now;
    this.points = points;
  }

  private learn(ms: number): void {
    if (this.points < this.budget / 2) return; // it says little of what the budget costs
    if (ms > SLOW_MS) this.budget *= Math.max(SLOW_MS / ms, 0.5);
    else if (ms < QUICK_MS) this.budget *= 1.5;
    else if (ms < 0.85 * SLOW_MS) this.budget *= 1.1;
    this.budget = Math.min(Math.max(this.budget, LEAST), 2 ** 30);
  }
}
