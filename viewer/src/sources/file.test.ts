// @vitest-environment happy-dom
import { expect, it } from "vitest";
import { NO_ABILITIES } from "../testing/small-map";
import { base64Length, decodeRange, openFile } from "./file";

const SETUP = {
  source: "file",
  data: "",
  api: null,
  abilities: NO_ABILITIES,
  notice: "2 images are left out",
} as const;

function pageOf(files: Record<string, string>): Document {
  const page = document.implementation.createHTMLDocument();
  for (const [name, text] of Object.entries(files)) {
    const script = page.createElement("script");
    script.type = "application/octet-stream";
    script.dataset["file"] = name;
    script.textContent = text;
    page.body.append(script);
  }
  return page;
}

const MANIFEST = btoa(JSON.stringify({ format: "featscape-bundle", version: 1 }));

it("every range is decoded exactly", () => {
  for (const length of [0, 1, 2, 3, 7, 8, 9]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + 200) % 256);
    const text = Buffer.from(bytes).toString("base64");
    expect(base64Length(text)).toBe(length);
    for (let start = 0; start <= length; start++) {
      for (let end = start; end <= length; end++) {
        expect([...new Uint8Array(decodeRange(text, start, end))]).toEqual([
          ...bytes.slice(start, end),
        ]);
      }
    }
  }
});

it("files are read from the page", async () => {
  const source = await openFile(
    SETUP,
    pageOf({ "manifest.json": MANIFEST, "a.bin": btoa("abcdef") }),
  );
  expect(new TextDecoder().decode(await source.read("a.bin", 2, 5))).toBe("cde");
  expect((await source.read("a.bin")).byteLength).toBe(6);
  expect(source.notice).toBe(SETUP.notice);
});

it("an incomplete page is an error", async () => {
  await expect(openFile(SETUP, pageOf({}))).rejects.toThrow(/manifest.json.*incomplete/);
  const source = await openFile(
    SETUP,
    pageOf({ "manifest.json": MANIFEST, "cut.bin": "YWJjZGV", "short.bin": btoa("abc") }),
  );
  await expect(source.read("cut.bin")).rejects.toThrow("incomplete");
  await expect(source.read("short.bin", 2, 9)).rejects.toThrow("incomplete");
  await expect(source.read("gone.bin")).rejects.toThrow("incomplete");
});

it("a map of another version is an error", async () => {
  const newer = btoa(JSON.stringify({ format: "featscape-bundle", version: 2 }));
  await expect(openFile(SETUP, pageOf({ "manifest.json": newer }))).rejects.toThrow(
    "got featscape-bundle 2",
  );
});
