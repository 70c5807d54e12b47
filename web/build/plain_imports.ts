/**
 * Leaves dynamic imports as plain `import()`. Vite wraps them in a helper that preloads styles and
 * imports; ours have neither, and the helper is as large as a feature.
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
