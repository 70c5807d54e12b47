/**
 * Builds `<threadcast-chat>` beside the pages: one script with a stable name and its styles inside,
 * for embedding pages. Runs after `vite.config.ts`, whose licence texts cover it, too.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { markedLexer } from "./build/marked_lexer.ts";
import { plainImports } from "./build/plain_imports.ts";
import { stylesInside } from "./build/styles_inside.ts";
import pages from "./vite.config.ts";

const LICENCES =
  "/*! Threadcast, Apache-2.0. Licences of what is in here: THIRD-PARTY-LICENSES.txt beside this file. */";

export default defineConfig({
  ...pages,
  publicDir: false,
  plugins: [plainImports(), markedLexer(), stylesInside()],
  build: {
    ...pages.build,
    emptyOutDir: false,
    license: false,
    cssCodeSplit: false,
    rolldownOptions: {
      input: { "threadcast-chat": fileURLToPath(new URL("src/element/main.ts", import.meta.url)) },
      output: { entryFileNames: "[name].js", postBanner: LICENCES, codeSplitting: false },
    },
  },
});
