import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Leaves the comments, spaces and line ends of the shaders out: they are text for the minifier. */
const shortShaders: Plugin = {
  name: "short-shaders",
  apply: "build",
  transform: (code, id) =>
    id.includes("/stage/") ? code.replace(/`[^`]*void main[^`]*`/g, shortened) : null,
};

function shortened(shader: string): string {
  return shader
    .replace(/\s*\/\/.*|^\s+/gm, "")
    .replace(/ ([-=*+/<>?:]+|&|>>) | ?([,;{}()]) /g, (_, one, other) => one ?? other)
    .replace(/([;{}])\n(?!#)/g, "$1"); // a line of the preprocessor stays a line
}

/** One module and one style sheet under fixed names; the same sources always give the same bytes. */
export default defineConfig({
  plugins: [shortShaders],
  publicDir: false,
  build: {
    outDir: "../src/featscape/bundle/static",
    emptyOutDir: false,
    target: "es2022",
    cssTarget: ["chrome123", "firefox121", "safari17.5"], // browsers with light-dark(), which need no variables for it
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
