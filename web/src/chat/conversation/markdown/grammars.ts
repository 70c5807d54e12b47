/** The languages with syntax highlighting. Loaded when the first code block is rendered. */
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
// TypeScript's grammar is a superset of JavaScript's.
lowlight.registerAlias({
  bash: ["shell", "console", "shellsession"],
  json: ["jsonl"],
  typescript: ["javascript", "js", "jsx", "mjs", "cjs"],
});

/** The highlighted code as a tree; null for an unknown language. */
export function highlight(language: string, code: string) {
  return lowlight.registered(language) ? lowlight.highlight(language, code) : null;
}
