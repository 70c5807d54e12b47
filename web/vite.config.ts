/**
 * Builds the pages into the Python package: `src/threadcast/page/built`, which git ignores.
 *
 * Every address in what is built is relative, so that the pages work under any prefix. Nothing is
 * inlined into the documents, for the policy of the pages allows no inline script or style.
 * `vite.element.config.ts` adds the custom element to what this leaves.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { plainImports } from "./build/plain_imports.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const COMMON =
  /node_modules.@?preact|design.(icons|theme|design\.css)|typescript.src.(request|problem|claims|error|close_codes|backoff|runs)\.ts/;

export default defineConfig({
  root: at("."),
  base: "./",
  logLevel: "warn",
  plugins: [plainImports()],
  resolve: { conditions: ["source", "module", "browser", "production"] },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { rolldownOptions: { output: { comments: { annotation: false } } } },
  build: {
    outDir: at("../src/threadcast/page/built"),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    // The first ones that know `light-dark()`, which the colours are made of.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // Documents name what their scripts import; a script that is loaded later names nothing again.
    modulePreload: {
      polyfill: false,
      resolveDependencies: (_, imported, { hostType }) => (hostType === "html" ? imported : []),
    },
    license: { fileName: "THIRD-PARTY-LICENSES.txt" },
    rolldownOptions: {
      input: { chat: at("index.html"), console: at("console.html"), docs: at("docs.html") },
      // What every page has is one script: small ones would be compressed each by itself. With its
      // style: a style without a script would be loaded last, and win over those of the pages.
      output: { codeSplitting: { groups: [{ name: "common", test: COMMON, minShareCount: 2 }] } },
    },
  },
});
