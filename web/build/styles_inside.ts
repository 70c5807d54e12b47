/**
 * A plugin for Vite that moves the style sheet of a build into its script.
 *
 * A module declares `const __STYLES__: string` and finds all styles that the build's modules import,
 * in their order and minified. The custom element needs that: what is in its shadow tree sees no
 * style sheet of the page.
 */
import type { Plugin } from "vite";

const PLACE = "__STYLES__";

export function stylesInside(): Plugin {
  return {
    name: "styles-inside",
    enforce: "post",
    generateBundle(_options, bundle) {
      const sheets = Object.values(bundle).filter((one) => one.fileName.endsWith(".css"));
      const scripts = Object.values(bundle).filter(
        (one) => one.type === "chunk" && one.code.includes(PLACE),
      );
      const [sheet] = sheets;
      const [script] = scripts;
      if (sheets.length !== 1 || sheet?.type !== "asset") {
        this.error(`expected one style sheet, found ${sheets.length}`);
      }
      if (scripts.length !== 1 || script?.type !== "chunk") {
        this.error(`expected one script with ${PLACE}, found ${scripts.length}`);
      }
      // A function: a replacement that is a text would have a meaning for `$`.
      script.code = script.code.replace(PLACE, () => JSON.stringify(String(sheet.source)));
      delete bundle[sheet.fileName];
    },
  };
}
