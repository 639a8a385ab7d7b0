/** Animated transitions between views, and easing functions. */
import type { View } from "../stage";
import { between } from "./projection";

export function easeOut(t: number): number {
  return 1 - (1 - t) ** 3;
}

export function easeInOut(t: number): number {
  return t < 0.5 ? 4 * t ** 3 : 1 - (2 - 2 * t) ** 3 / 2;
}

export class Transition {
  constructor(
    private readonly from: View,
    readonly to: View,
    private readonly started: number,
    private readonly durationMs: number,
    private readonly ease: (t: number) => number,
  ) {}

  at(now: number): View {
    const t = this.durationMs > 0 ? (now - this.started) / this.durationMs : 1;
    return t >= 1 ? this.to : between(this.from, this.to, this.ease(Math.max(t, 0)));
  }
}
