/** The bounds of a message. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { charactersLeft, contentProblem } from "../../src/chat/conversation/content.ts";

const MOST = 65_536;

test("a message may be as long as the server accepts", () => {
  assert.equal(contentProblem("x".repeat(MOST)), null);
  assert.match(contentProblem("x".repeat(MOST + 12)) ?? "", /12 too many/);
});

test("characters are counted in code points, as on the server", () => {
  assert.equal(contentProblem("🦆".repeat(MOST)), null);
  assert.match(contentProblem("🦆".repeat(MOST + 1)) ?? "", /1 too many/);
});

test("the characters left are shown near the limit", () => {
  assert.equal(charactersLeft("x".repeat(59_999)), null);
  assert.equal(charactersLeft("x".repeat(60_000)), MOST - 60_000);
  assert.equal(charactersLeft("x".repeat(MOST)), 0);
  assert.equal(charactersLeft("x".repeat(MOST + 1)), null);
});
