/** What is left out of texts before they are sent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sendable } from "../src/chat/sendable.ts";

test("what the server refuses and nobody sees is left out", () => {
  assert.equal(sendable("hello \0you\ufffe\uffff\0"), "hello you");
  assert.equal(sendable("\0"), "");
});

test("a byte order mark is left out at the beginning only, where it is refused", () => {
  assert.equal(sendable("\ufeff\0\ufeffa\ufeffb"), "a\ufeffb");
});

test("all else stays as it is", () => {
  assert.equal(sendable("a 🦆\n\u200d\ufffd"), "a 🦆\n\u200d\ufffd");
});
