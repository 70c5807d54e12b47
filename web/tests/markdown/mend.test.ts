/** What the end of a text that goes on looks like. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mend } from "../../src/chat/conversation/markdown/mend.ts";

const CASES: readonly (readonly [string, string])[] = [
  ["plain", "plain"],
  ["a **bo", "a **bo**"],
  ["a **bold*", "a **bold**"],
  ["a **bold ", "a **bold** "],
  ["a **bold *", "a **bold** "],
  ["a **bold**", "a **bold**"],
  ["a **", "a "],
  ["a *sl", "a *sl*"],
  ["***both", "***both***"],
  ["***both*", "***both***"],
  ["**bold *in", "**bold *in***"],
  ["~~gone", "~~gone~~"],
  ["snake_case_na", "snake_case_na"],
  ["2 * 3 = 6", "2 * 3 = 6"],
  ["run `np", "run `np`"],
  ["run `", "run "],
  ["``a ` b", "``a ` b``"],
  ["`**` is", "`**` is"],
  ["\\*not", "\\*not"],
  ["see [the do", "see the do"],
  ["see [the docs]", "see the docs"],
  ["see [the docs](https://exa", "see the docs"],
  ["see [the docs](https://example.org)", "see [the docs](https://example.org)"],
  ["see ![a pict", "see a pict"],
  ["Text\n-", "Text\n"],
  ["Text\n=", "Text\n"],
  ["- one\n-", "- one\n"],
  ["- one\n- **tw", "- one\n- **tw**"],
  ["- **one\n- two", "- **one\n- two"],
  ["#", ""],
  ["1.", ""],
  ["- [", ""],
  ["- [ ]", ""],
  ["``", ""],
  ["```", "```"],
  ["```js\nlet a = `", "```js\nlet a = `"],
  ["```js\nlet a\n``", "```js\nlet a\n"],
  ["```js\nlet a\n```\n*b", "```js\nlet a\n```\n*b*"],
  ["~~~\n**a", "~~~\n**a"],
  ["| a | b", "| a | b |\n| --- | --- |"],
  ["| a | b |\n", "| a | b |\n| --- | --- |"],
  ["| a | b |\n|--", "| a | b |\n| --- | --- |"],
  ["| a | b |\n|--|--|\n| **c", "| a | b |\n|--|--|\n| **c**"],
];

for (const [text, shown] of CASES) {
  test(`mends ${JSON.stringify(text)}`, () => assert.equal(mend(text), shown));
}

test("no prefix of a text makes it throw, and only its end is changed", () => {
  const text = CASES.map(([piece]) => piece).join("\n\n");
  for (let end = 0; end <= text.length; end += 1) {
    const piece = text.slice(0, end);
    const kept = piece.slice(0, piece.lastIndexOf("\n\n") + 1);
    assert.ok(mend(piece).startsWith(kept), JSON.stringify(piece.slice(-40)));
  }
});
