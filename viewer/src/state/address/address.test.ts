import { describe, expect, it } from "vitest";
import { type AddressState, codesText, decodeAddress, encodeAddress, parseCodes } from "./address";

describe("an address", () => {
  it("is decoded as it was encoded", () => {
    const state: AddressState = {
      view: { center: [1.5, -2.25, 0], scale: 0.001234, turn: [0, 0.6, 0, 0.8] },
      mode: "grid",
      colorBy: "größe & mehr=#",
      filters: new Map([
        ["label", { kind: "codes", hidden: new Set([0, 1, 2, 7]) }],
        ["a.b=c", { kind: "range", lower: -1e-7, upper: 2.5e9 }],
      ]),
      item: 0,
      selection: [2, 3, 4, 99],
      digest: "0123abcd",
      query: "rote Katze +1 %",
      finding: "close classes & more",
      theme: "dark",
      cropped: true,
      namesShown: false,
    };
    expect(decodeAddress(`#${encodeAddress(state)}`)).toEqual(state);
  });

  it("leaves out defaults", () => {
    expect(encodeAddress({ mode: "images", theme: "auto", query: "", filters: new Map() })).toBe(
      "view=images",
    );
    expect(decodeAddress("")).toEqual({});
  });

  it.each([
    "at=1_2&scale=3",
    "at=1_2_x&scale=3",
    "at=1_2_3&scale=-1",
    "at=1_2_3&scale=0",
    "at=__&scale=1",
    "at=1_2_3&scale=Infinity",
    "at=1_2_3&scale=1&turn=0_0_0_0",
    "view=moon",
    "item=-1",
    "item=1.5",
    "item=x",
    "theme=pink",
    "keep.a=1",
    "hide.a=x",
    "hide.a=-5",
  ])("that makes no sense is left aside: %s", (hash) => {
    expect(decodeAddress(hash)).toEqual({});
  });

  it("hides 4,999 of 5,000 classes in a few characters", () => {
    const hidden = new Set(Array.from({ length: 5000 }, (_, i) => i).filter((i) => i !== 1234));
    expect(codesText(hidden)).toBe("0-1233.1235-4999");
    expect(parseCodes(codesText(hidden))).toEqual(hidden);
  });

  it("gives no more codes than exist", () => {
    expect(parseCodes("0-99999999999")).toEqual(new Set());
  });
});
