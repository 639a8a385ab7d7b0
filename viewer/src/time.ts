/** The time since the page was opened, in milliseconds. */
export function timeMs(): number {
  return performance.now();
}
