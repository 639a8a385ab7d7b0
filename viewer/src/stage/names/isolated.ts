/**
 * A text for a canvas, written from right to left if its first letter is Arabic or Hebrew, as with
 * dir="auto" in HTML.
 */
export function isolated(text: string): string {
  return `\u2068${text}\u2069`; // a first strong isolate
}
