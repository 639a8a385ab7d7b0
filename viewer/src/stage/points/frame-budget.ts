/** Number of points that fit into a frame, learned from the time of the previous frames. */

// Numbers of points: before the first measurement, and the bounds of the budget.
const FIRST = 60_000;
const LEAST = 20_000;
const MOST = 2 ** 30;
// A frame at 60 Hz, and a frame at 20 Hz, with some tolerance.
const QUICK_MS = 20;
const SLOW_MS = 42;
// Time after which a frame no longer waits for the fence.
const GIVE_UP_MS = 2000;
// Factors of the budget after a frame: quick, between quick and slow, and at least after a slow one.
const FAST_GROWTH = 1.5;
const SLOW_GROWTH = 1.1;
const NEAR_LIMIT = 0.85; // share of SLOW_MS up to which the budget grows
const MOST_SHRINK = 0.5;

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
    if (!signaled && !gl.isContextLost() && now - this.started < GIVE_UP_MS) return false;
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
    if (ms > SLOW_MS) this.budget *= Math.max(SLOW_MS / ms, MOST_SHRINK);
    else if (ms < QUICK_MS) this.budget *= FAST_GROWTH;
    else if (ms < NEAR_LIMIT * SLOW_MS) this.budget *= SLOW_GROWTH;
    this.budget = Math.min(Math.max(this.budget, LEAST), MOST);
  }
}
