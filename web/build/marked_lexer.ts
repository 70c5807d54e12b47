/**
 * Lets marked's HTML renderer be tree-shaken: the pages use its lexer only. Marked's module ends with
 * an instance of everything, which counts as a side effect; this plugin removes it.
 */
import type { Plugin } from "vite";

/** `var v=new ne;function x(l,e){return v.parse(l,e)}x.options=…`, up to what is exported. */
const INSTANCE = /;var (\w+)=new \w+;function \w+\([\w,]*\)\{return \1\.parse\([\s\S]*(?=export\{)/;
const EXPORTED = /export\{.*?(\w+ as Lexer)\b.*?(\w+ as Tokenizer)\b.*?\}/s;

export function markedLexer(): Plugin {
  return {
    name: "marked-lexer",
    transform(code, id) {
      if (!id.endsWith("/marked.esm.js")) return null;
      if (!INSTANCE.test(code) || !EXPORTED.test(code)) {
        this.error("expected marked's module to end with an instance and its exports");
      }
      return code.replace(INSTANCE, ";").replace(EXPORTED, "export{$1,$2}");
    },
  };
}
