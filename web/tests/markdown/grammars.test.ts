/** Code in parts, as it is coloured. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { highlight, type Part } from "../../src/chat/conversation/markdown/grammars.ts";

const textOf = (parts: readonly Part[]): string =>
  parts.map((part) => (typeof part === "string" ? part : textOf(part.children))).join("");

test("no part of the code is lost, nor another language within it", () => {
  const code = "<p class='a'>&amp;</p>\n<script>\nconst a = 1;\n</script>\n";
  assert.equal(textOf(highlight("xml", code) ?? []), code);
});

test("what has a meaning is a part with its name", () => {
  const parts = highlight("python", "x = 1\n");
  assert.deepEqual(parts?.[1], { scope: "number", children: ["1"] });
});

test("languages are known by their other names, and others are not coloured", () => {
  for (const name of ["sh", "shell", "jsonl", "js", "tsx", "py", "html", "yml"]) {
    assert.notEqual(highlight(name, "x"), null, name);
  }
  assert.equal(highlight("klingon", "x"), null);
});
