/** The languages whose code is coloured. Loaded when the first code is shown. */
import bash from "highlight.js/lib/languages/bash";
import diff from "highlight.js/lib/languages/diff";
import go from "highlight.js/lib/languages/go";
import java from "highlight.js/lib/languages/java";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import { createLowlight } from "lowlight";

const lowlight = createLowlight({
  bash,
  diff,
  go,
  java,
  json,
  python,
  rust,
  sql,
  typescript,
  xml,
  yaml,
});
// TypeScript's grammar has JavaScript in it.
lowlight.registerAlias({
  bash: ["shell", "console", "shellsession"],
  json: ["jsonl"],
  typescript: ["javascript", "js", "jsx", "mjs", "cjs"],
});

/** The code as a tree of classes and texts; null for a language that is not known. */
export function highlight(language: string, code: string) {
  return lowlight.registered(language) ? lowlight.highlight(language, code) : null;
}
