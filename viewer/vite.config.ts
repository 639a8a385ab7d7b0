import { defineConfig } from "vitest/config";

/** One module and one style sheet under fixed names; the same sources always give the same bytes. */
export default defineConfig({
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
