/** The values of a sign-in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { challengeOf, unguessable } from "../../src/chat/sign_in/pkce.ts";

test("the challenge is that of RFC 7636, appendix B", async () => {
  const challenge = await challengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
  assert.equal(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
});

test("a random value has 256 bits, is URL-safe and never repeats", () => {
  assert.match(unguessable(), /^[A-Za-z0-9_-]{43}$/);
  assert.notEqual(unguessable(), unguessable());
});
