/** What a token says of itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { holderOf } from "../../src/console/access.ts";

test("claims are read from a token, and any text is accepted", () => {
  const payload = Buffer.from(JSON.stringify({ sub: "ölga", scope: "ops content", exp: 9 }));

  assert.deepEqual(holderOf(`x.${payload.toString("base64url")}.y`), {
    name: "ölga",
    scopes: ["ops", "content"],
    expiresAt: 9,
  });
  for (const text of ["", "a.b.c", "..", `x.${Buffer.from("[1]").toString("base64url")}.y`]) {
    assert.deepEqual(holderOf(text), { name: "", scopes: [], expiresAt: null });
  }
});
