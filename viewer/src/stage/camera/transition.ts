/** Animated transitions between views, and easing functions. */

import type { View } from "../stage";
import { between } from "./projection";

export function easeOut(t: number): number {
  return 1 - (1 - t) ** 3;
}

export function easeInOut(t: number): number {
  return t < 0.5 ? 4 * t ** 3 : 1 - (2 - 2 * t) ** 3 / 2;
}

export interface TransitionOptions {
  readonly from: View;
  readonly to: View;
  readonly started: number; // as of timeMs()
  readonly durationMs: number;
  readonly ease: (t: number) => number;
}

export class Transition {
  constructor(private readonly options: TransitionOptions) {}

  get to(): View {
    return this.options.to;
  }

  at(now: number): View {
    const { from, to, started, durationMs, ease } = this.options;
    const t = durationMs > 0 ? (now - started) / durationMs : 1;
    return t >= 1 ? to : between(from, to, ease(Math.max(t, 0)));
  }
}
