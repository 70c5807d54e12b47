/** What a line of the list says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ThreadView } from "@threadcast/client";
import { tableOf } from "@threadcast/client/chat";
import { type Line, Lines, lineOf, titleOf } from "../../src/chat/threads/lines.ts";

function view(id: string, fields: Partial<ThreadView> = {}): ThreadView {
  const blank = { titleSeq: 0, activeSeq: 0, preview: null, metadata: {}, active: {} };
  const read = { history: null, isKnown: true, waiting: null, hasGap: false, title: null };
  return { ...blank, ...read, id, order: 1, updatedAt: 1, ...fields };
}

function stateOf(...views: ThreadView[]) {
  return { threads: tableOf(views), recent: views.map(({ id }) => id) };
}

const idsOf = (lines: readonly Line[]) => lines.map(({ id }) => id);

test("a thread without a title shows its preview", () => {
  assert.equal(titleOf({ title: "Sums", preview: "What is" }), "Sums");
  assert.equal(titleOf({ title: null, preview: "\n  What is\n2 + 2?" }), "What is");
  assert.equal(titleOf({ title: null, preview: null }), "New conversation");
});

test("a streamed answer leaves the list unchanged", () => {
  const lines = new Lines();
  const before = lines.of(stateOf(view("a"), view("b")));
  const streamed = view("a", { hasGap: true });
  assert.equal(lines.of(stateOf(streamed, view("b"))), before);
  const renamed = lines.of(stateOf(view("a", { title: "Sums" }), view("b")));
  assert.notEqual(renamed, before);
  assert.equal(renamed[1], before[1]);
});

test("a thread that asks the person something waits for them", () => {
  const waits = (active: ThreadView["active"]) => lineOf(view("a", { active })).isWaiting;
  assert.deepEqual(
    [waits({}), waits({ run: "running" }), waits({ one: "running", other: "waiting" })],
    [false, false, true],
  );
});

test("the list follows the order of the state and forgets what is gone", () => {
  const lines = new Lines();
  assert.deepEqual(idsOf(lines.of(stateOf(view("a"), view("b")))), ["a", "b"]);
  assert.deepEqual(idsOf(lines.of(stateOf(view("b"), view("a")))), ["b", "a"]);
  assert.deepEqual(idsOf(lines.of(stateOf(view("b")))), ["b"]);
});

test("a line shows whether a run is active and whether it is archived", () => {
  const busy = view("a", { active: { run: "running" }, metadata: { archived: true } });
  const [only] = new Lines().of(stateOf(busy));
  assert.equal(only?.isRunning, true);
  assert.equal(only?.isWaiting, false);
  assert.equal(only?.isArchived, true);
});
