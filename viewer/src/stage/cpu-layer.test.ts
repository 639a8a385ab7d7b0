import { expect, test } from "vitest";
import { blended } from "./cpu-layer";

test("a coverage mixes each channel by itself", () => {
  expect(blended(0xff000000, 0xffffffff, 0).toString(16)).toBe("ff000000");
  expect(blended(0xff000000, 0xffffffff, 256).toString(16)).toBe("ffffffff");
  for (const cover of [1, 77, 128, 200]) {
    const mixed = blended(0xff204060, 0xffe0a010, cover);
    for (const [shift, under, over] of [
      [0, 0x60, 0x10],
      [8, 0x40, 0xa0],
      [16, 0x20, 0xe0],
    ] as const) {
      const exact = (over * cover + under * (256 - cover)) / 256;
      expect(Math.abs(((mixed >> shift) & 255) - exact)).toBeLessThanOrEqual(1);
    }
  }
});
