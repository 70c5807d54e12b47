/**
 * Builds `<threadcast-chat>` beside the pages: one script of a stable name, with its styles inside,
 * for the pages of others. It runs after `vite.config.ts`, whose licence texts cover it too.
 */
import { fileURLToPath } from "node:url";
import { defineConfig, mergeConfig } from "vite";
import pages from "./vite.config.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const banner =
  "/*! Threadcast, Apache-2.0. Licences of what is bundled: THIRD-PARTY-LICENSES.txt beside this file. */";

export default mergeConfig(
  pages,
  defineConfig({
    publicDir: false,
    build: {
      emptyOutDir: false,
      license: false,
      rolldownOptions: {
        input: { "threadcast-chat": at("src/element/main.ts") },
        output: { entryFileNames: "[name].js", banner, codeSplitting: false },
      },
    },
  }),
);
