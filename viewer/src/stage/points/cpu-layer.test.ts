import { expect, test } from "vitest";
import { blended, FULL } from "./cpu-layer";

const hex = (color: number) => (color >>> 0).toString(16);

test("each channel is blended on its own", () => {
  expect(hex(blended(0xff000000, 0xffffffff, 0))).toBe("ff000000");
  expect(hex(blended(0xff000000, 0xffffffff, FULL))).toBe("ffffffff");
  for (let cover = 1; cover < FULL; cover += 9) {
    const mixed = blended(0xff204060, 0xffe0a010, cover);
    for (const [shift, under, over] of [
      [0, 0x60, 0x10],
      [8, 0x40, 0xa0],
      [16, 0x20, 0xe0],
    ] as const) {
      const exact = (over * cover + under * (FULL - cover)) / FULL;
      expect(Math.abs(((mixed >> shift) & 255) - exact)).toBeLessThanOrEqual(1);
    }
    expect(mixed >>> 24).toBe(255);
  }
});
