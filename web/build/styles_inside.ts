/**
 * A Vite plugin that moves the style sheet of a build into its script.
 *
 * It replaces `__STYLES__` with the minified style sheets that the build's modules import. The custom
 * element needs that, because the page's style sheets do not apply in its shadow tree.
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
      // A function, because `$` has a meaning in a replacement string.
      script.code = script.code.replace(PLACE, () => JSON.stringify(String(sheet.source)));
      delete bundle[sheet.fileName];
    },
  };
}
