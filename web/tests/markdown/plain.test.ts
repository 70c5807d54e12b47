/** Markdown as it is spoken. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { plainPart, plainText } from "../../src/chat/conversation/markdown/plain.ts";

const TEXT =
  "I am **bold. Still bold.** And `code`: [a link](https://example.com/x_y).\n\n" +
  "- **2** is prime\n- **4** = 2 × 2\n\n# Title\n\n1. one\n2. two\n\n> quoted. Text\n\n" +
  "```py\nx = 2 ** 3\n```\n";
const SPOKEN =
  "I am bold. Still bold. And code: a link. 2 is prime 4 = 2 × 2 Title 1. one 2. two " +
  "quoted. Text x = 2 ** 3";

test("the parts of a text read as the whole, without marks", () => {
  const ends = [...TEXT.matchAll(/[.!?:](?=\s)|\n/g)].map(({ index }) => index + 1);
  const starts = [0, ...ends];
  const parts = starts.map((start, at) => plainPart(TEXT, start, ends[at] ?? TEXT.length));
  assert.equal(words(parts.join(" ")), SPOKEN);
  assert.equal(words(plainText(TEXT)), SPOKEN);
});

test("tables by rows, and tasks with their state", () => {
  assert.equal(plainText("| a | b |\n|--|--|\n| 1 | 2 |"), "a, b\n1, 2");
  assert.equal(plainText("- [x] this\n- [ ] that"), "done: this\nto do: that");
});

function words(text: string): string {
  return text.split(/\s+/).filter(Boolean).join(" ");
}
