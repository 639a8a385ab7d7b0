import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Leaves the comments and the indentation of the shaders out: they are text for the minifier. */
const shortShaders: Plugin = {
  name: "short-shaders",
  apply: "build",
  transform: (code, id) =>
    id.includes("/stage/")
      ? code.replace(/`[^`]*void main[^`]*`/g, (shader) => shader.replace(/\s*\/\/.*|^\s+/gm, ""))
      : null,
};

/** One module and one style sheet under fixed names; the same sources always give the same bytes. */
export default defineConfig({
  plugins: [shortShaders],
  publicDir: false,
  build: {
    outDir: "../src/featscape/bundle/static",
    emptyOutDir: false,
    target: "es2022",
    sourcemap: false,
    cssCodeSplit: false,
    modulePreload: false,
    rolldownOptions: {
      input: "src/main.ts",
      preserveEntrySignatures: "strict", // the widget's default export stays
      output: {
        format: "es",
        codeSplitting: false,
        entryFileNames: "viewer.js",
        assetFileNames: "viewer[extname]",
      },
    },
  },
  test: { include: ["src/**/*.test.{ts,tsx}"] },
});
