/** Moments, amounts and values in words. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { InputStep } from "@threadcast/client";
import { briefly, moment, tokenUse, took, workTime } from "../../src/chat/conversation/format.ts";
import { run } from "./a_run.ts";

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

test("what took less than the protocol's unit is not shown as nothing", () => {
  assert.deepEqual([0, 1, 4_230].map(took), ["< 1 ms", "1 ms", "4.2 s"]);
});

const asked = (startedAt: number, fields: Partial<InputStep> = {}): InputStep => ({
  ...{ kind: "input", id: "i1", prompt: "?", schema: null, value: undefined },
  ...{ startedAt, expiresAt: startedAt + 60, status: "answered", answeredAt: startedAt + 10 },
  ...fields,
});

test("the time of an answer is that of its work, without waiting for a person", () => {
  const timed = (...steps: InputStep[]) =>
    workTime(run({ status: "completed", startedAt: 100, durationMs: 90_000, steps }));
  assert.deepEqual(timed(), { workMs: 90_000, waitedMs: 0 });
  assert.deepEqual(timed(asked(102)), { workMs: 80_000, waitedMs: 10_000 });
  assert.deepEqual(timed(asked(102), asked(107), asked(120)), { workMs: 65_000, waitedMs: 25_000 });
  const expired = { status: "abandoned", answeredAt: null } as const;
  assert.deepEqual(timed(asked(102, expired)), { workMs: 30_000, waitedMs: 60_000 });
  assert.deepEqual(timed(asked(180, expired)), { workMs: 80_000, waitedMs: 10_000 });
  assert.deepEqual(timed(asked(50)), { workMs: 90_000, waitedMs: 0 }, "in an earlier attempt");
  assert.equal(workTime(run({ steps: [asked(102)] })), null);
});
