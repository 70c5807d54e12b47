/**
 * Builds the pages into the Python package: `src/threadcast/page/built`, which git ignores.
 *
 * Every URL in the output is relative, so that the pages work under any prefix. Nothing is inlined
 * into the documents, because their Content-Security-Policy allows no inline script or style.
 * `vite.element.config.ts` adds the custom element to the output.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { markedLexer } from "./build/marked_lexer.ts";
import { plainImports } from "./build/plain_imports.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const COMMON =
  /node_modules.@?preact|design.(icons|theme|prose|design\.css)|src.page_facts|typescript.src.(request|error|runs|http.(ask|problem)|credential.claims|transport.close_codes|connection.backoff)\.ts/;

export default defineConfig({
  root: at("."),
  base: "./",
  logLevel: "warn",
  plugins: [plainImports(), markedLexer()],
  resolve: { conditions: ["source", "module", "browser", "production"] },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { rolldownOptions: { output: { comments: { annotation: false } } } },
  build: {
    outDir: at("../src/threadcast/page/built"),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    // The first versions with `light-dark()`, on which the colours rely.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // Documents preload what their scripts import; dynamic imports preload nothing.
    modulePreload: {
      polyfill: false,
      resolveDependencies: (_, imported, { hostType }) => (hostType === "html" ? imported : []),
    },
    license: { fileName: "THIRD-PARTY-LICENSES.txt" },
    rolldownOptions: {
      // On a slow machine they would be what a newcomer reads first.
      checks: { pluginTimings: false, bundlerTimings: false },
      input: { chat: at("index.html"), console: at("console.html"), docs: at("docs.html") },
      // One chunk for what the pages share, because many small ones compress worse. With the shared
      // style sheet: in a chunk without a script it would be loaded last and override the pages'.
      output: { codeSplitting: { groups: [{ name: "common", test: COMMON, minShareCount: 2 }] } },
    },
  },
});
