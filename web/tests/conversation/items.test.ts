/** What a conversation lists. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyHistory, tableOf } from "@threadcast/client/chat";
import { entriesOf, heightOf, pendingOf } from "../../src/chat/conversation/items.ts";
import { entry, run } from "./a_run.ts";

const sent = { content: "Hi", timestamp: 1, clientMessageId: "m1" };
const history = { ...emptyHistory(1), order: ["r1"], runs: tableOf([run({ message: sent })]) };
const keysOf = (entries: readonly { key: string }[]) => entries.map(({ key }) => key);

test("a message is pending until the history includes it", () => {
  const outbox = [entry({ thread: "t1" }), entry({ thread: "t1", key: "m2" })];
  const place = { threadId: "t1", draft: "d1" };
  assert.deepEqual(keysOf(pendingOf(outbox, { ...place, history: null })), ["m1", "m2"]);
  assert.deepEqual(keysOf(pendingOf(outbox, { ...place, history })), ["m2"]);
});

test("a new conversation lists its own messages only", () => {
  const outbox = [
    entry({ draft: "d1" }),
    entry({ draft: "d2", key: "m2" }),
    entry({ thread: "t1", key: "m3" }),
    entry({ kind: "cancel", draft: "d1", key: "c1" }),
  ];
  const pending = pendingOf(outbox, { threadId: null, draft: "d1", history: null });
  assert.deepEqual(keysOf(pending), ["m1"]);
});

test("without pending messages, the list keeps its identity", () => {
  const place = { threadId: "t1", draft: "d1", history };
  assert.equal(pendingOf([], place), pendingOf([], place));
  assert.equal(entriesOf([], "r1"), entriesOf([], "r2"));
});

test("answers and a cancellation belong to their run", () => {
  const outbox = [
    entry({ kind: "answer", runId: "r1", key: "a1" }),
    entry({ kind: "cancel", runId: "r2", key: "c1" }),
  ];
  assert.deepEqual(keysOf(entriesOf(outbox, "r1")), ["a1"]);
});

test("the estimated height grows with text and steps, up to a bound", () => {
  const text = (length: number) => ({
    ...run({ message: { ...sent, content: "x".repeat(length) } }),
  });
  const tool = { kind: "tool", id: "c1", tool: "add", arguments: {}, status: "running" } as const;
  const step = { ...tool, result: undefined, durationMs: null, startedAt: 1 };
  assert.ok(heightOf(text(10_000)) > heightOf(text(100)));
  assert.ok(heightOf(run({ steps: [step] })) > heightOf(run()));
  assert.equal(heightOf(text(10_000_000)), 40_000);
  assert.equal(heightOf(undefined), heightOf(run()));
});
