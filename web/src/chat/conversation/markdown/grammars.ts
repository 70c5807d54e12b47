/** The languages with syntax highlighting. Loaded when the first code block is rendered. */
import highlighter from "highlight.js/lib/core";
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

/** A part of a code: text, or parts that mean one thing, such as `string` or `title.function`. */
export type Part = string | { readonly scope?: string; readonly children: readonly Part[] };

const GRAMMARS = {
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
};
const ALIASES: { readonly [name in keyof typeof GRAMMARS]?: string[] } = {
  bash: ["shell", "console", "shellsession"],
  json: ["jsonl"],
  // Its grammar is a superset of JavaScript's.
  typescript: ["javascript", "js", "jsx", "mjs", "cjs"],
};
for (const [name, grammar] of Object.entries(GRAMMARS)) highlighter.registerLanguage(name, grammar);
for (const [languageName, names] of Object.entries(ALIASES)) {
  highlighter.registerAliases(names, { languageName });
}

/** The highlighted code; null for an unknown language, or if highlighting failed. */
export function highlight(language: string, code: string): readonly Part[] | null {
  if (highlighter.getLanguage(language) === undefined) return null;
  const result = highlighter.highlight(code, { language, ignoreIllegals: true });
  if (result.errorRaised !== undefined) return null;
  // The types omit the token tree that the library's own renderer walks.
  return (result._emitter as unknown as { root: Exclude<Part, string> }).root.children;
}
