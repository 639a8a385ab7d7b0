/** The color and state of each item. */
import { NO_CATEGORY } from "../../contract";
import { type Color, parseColor } from "../gl";
import { DIMMED, HIDDEN, type Theme } from "../stage";
import { chosenItems, neutralColor, tints } from "./tints";

export class Appearance {
  states: Uint8Array | null = null;
  /** Changes whenever other items are hidden or dimmed. */
  filter = 0;
  private codes: Uint16Array;
  private palette: readonly string[] = [];
  private colors: readonly Color[] = [];

  constructor(
    private readonly nItems: number,
    public theme: Theme,
  ) {
    this.codes = new Uint16Array(nItems).fill(NO_CATEGORY);
  }

  setColors(codes: Uint16Array, palette: readonly string[]): void {
    this.codes = codes;
    this.palette = palette;
    this.colors = palette.map(parseColor);
  }

  setStates(states: Uint8Array | null): void {
    const before = this.states;
    const after = states?.slice() ?? null;
    for (let i = 0; i < this.nItems; i++) {
      if ((((before?.[i] ?? 0) ^ (after?.[i] ?? 0)) & (HIDDEN | DIMMED)) === 0) continue;
      this.filter++;
      break;
    }
    this.states = after;
  }

  isHidden(item: number): boolean {
    return this.states !== null && (this.states[item]! & HIDDEN) !== 0;
  }

  colorOf(item: number): Color {
    return this.colors[this.codes[item]!] ?? neutralColor(this.theme.background);
  }

  /** One uint32 per item, and the items to draw above all others. */
  drawn(): [Uint32Array, Uint32Array] {
    const all = tints(this.codes, this.palette, this.states, this.theme.background);
    return [all, chosenItems(this.states)];
  }
}
