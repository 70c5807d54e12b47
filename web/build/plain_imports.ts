/**
 * Scripts that are loaded later are loaded by `import()` alone. Vite would put a helper around it,
 * which loads their styles and imports first: ours have neither, and it is as large as a feature.
 */
import type { Plugin } from "vite";

export function plainImports(): Plugin {
  return {
    name: "plain-imports",
    enforce: "pre",
    load: (id) =>
      id.endsWith("vite/preload-helper.js")
        ? "export const __vitePreload = (load) => load();"
        : null,
  };
}
