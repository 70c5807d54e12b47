/** Moments, amounts and values in words. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { briefly, moment, tokenUse } from "../../src/chat/conversation/format.ts";

test("a time on another day has its date", () => {
  const noon = new Date(2026, 10, 26, 12, 0).getTime();
  const today = moment(noon / 1_000, noon + 60_000);
  assert.equal(today, new Date(noon).toLocaleTimeString([], { timeStyle: "short" }));
  assert.ok(moment(noon / 1_000 - 86_400, noon).length > today.length);
});

test("tokens are counted by either of the usual names", () => {
  assert.deepEqual(tokenUse({ input_tokens: 900, output_tokens: 304 }), {
    brief: `${(1_204).toLocaleString()} tokens`,
    detail: "900 in, 304 out",
  });
  assert.deepEqual(tokenUse({ prompt_tokens: 1 }), { brief: "1 token", detail: "1 in" });
  assert.deepEqual(tokenUse({ total_tokens: 7 }), { brief: "7 tokens", detail: "" });
});

test("without token counts, nothing is shown", () => {
  for (const usage of [null, {}, { total_tokens: "many" }]) assert.equal(tokenUse(usage), null);
});

test("the arguments of a tool are one short line", () => {
  assert.equal(briefly({ query: "milk\n and bread", limit: 3 }), "milk and bread, 3");
  assert.equal(briefly(["a", { b: 1 }]), 'a, {"b":1}');
  assert.equal(briefly("x".repeat(500)).length, 120);
  assert.deepEqual([undefined, null, true].map(briefly), ["", "", "true"]);
});
