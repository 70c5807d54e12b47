/** What a token says of itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { claimsOf, subjectOf } from "../src/credential/claims.ts";

const tokenOf = (text: string) => `e30.${Buffer.from(text).toString("base64url")}.x`;

test("claims are read as UTF-8", () => {
  const token = tokenOf(JSON.stringify({ sub: "Zoë", nonce: "n" }));
  assert.deepEqual(claimsOf(token), { sub: "Zoë", nonce: "n" });
  assert.equal(subjectOf(token), "Zoë");
});

test("what is no JWT has no claims", () => {
  for (const text of ["", "opaque", "a.%.c", "a.bm8.c", tokenOf("null"), tokenOf("7")]) {
    assert.deepEqual({ ...claimsOf(text) }, {});
    assert.equal(subjectOf(text), null);
  }
});
