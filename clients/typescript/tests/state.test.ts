/** Folding: what a state becomes by events. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { applyEvent, applyEvents, emptyState, isRunning, textOf, titleOf } from "../src/chat.ts";
import type { JournalEvent, RunStatus, Thread } from "../src/protocol.ts";
import type { ChatState, RunView } from "../src/state/model.ts";
import { withThreadPage } from "../src/state/state.ts";
import { event, RUN, THREAD } from "./fake_server.ts";
import { vectorsOf } from "./vector_files.ts";

const OPENING = [
  event(1, "thread_created", { title: null, metadata: {} }),
  event(2, "message_created", { role: "user", content: "Hi\nyou", client_message_id: "m1" }),
  event(3, "agent_started", { agent: "demo", attempt: 1 }),
];

const fold = (events: JournalEvent[], seq = 0): ChatState =>
  events.reduce(applyEvent, { ...emptyState(), seq });

/** With what tables hold, so that it can be compared. */
const plain = (state: ChatState) => ({
  ...state,
  threads: [...state.threads.values()].map((thread) => ({
    ...thread,
    history: { ...thread.history, runs: [...(thread.history?.runs.values() ?? [])] },
  })),
});

function runOf(state: ChatState): RunView {
  const run = state.threads.get(THREAD)?.history?.runs.get(RUN);
  assert.ok(run);
  return run;
}

test("a duplicate event changes nothing", () => {
  const delta = event(4, "agent_delta", { text: "a" });
  const state = fold([...OPENING, delta]);
  assert.equal(applyEvent(state, delta), state);
  const next = applyEvents(state, [...OPENING, delta, event(5, "agent_delta", { text: "b" })]);
  assert.equal(textOf(runOf(next)), "ab");
  assert.deepEqual([next.seq, next.at], [5, 6.5]);
});

test("a later attempt voids what was streamed, and keeps questions", () => {
  const asked = { input_id: "i1", prompt: "How many?", expires_at: 9 };
  const state = fold([
    ...OPENING,
    event(4, "agent_delta", { text: "lost" }),
    event(5, "input_requested", asked),
    event(6, "agent_started", { agent: "demo", attempt: 2 }),
    event(7, "agent_delta", { text: "kept" }),
  ]);
  const run = runOf(state);
  assert.equal(textOf(run), "kept");
  assert.equal(run.attempt, 2);
  assert.deepEqual(
    run.steps.map(({ kind }) => kind),
    ["input", "text"],
  );
});

test("the whole answer replaces pieces that do not add up to it", () => {
  const end = (content: string) => event(6, "agent_completed", { content, duration_ms: 5 });
  const pieces = [
    ...OPENING,
    event(4, "agent_delta", { text: "a" }),
    event(5, "tool_executing", { tool_call_id: "t1", tool: "add", arguments: {} }),
  ];
  assert.equal(textOf(runOf(fold([...pieces, end("a")]))), "a");
  const replaced = runOf(fold([...pieces, end("another")]));
  assert.equal(textOf(replaced), "another");
  assert.deepEqual(
    replaced.steps.map((step) => [step.kind, "status" in step ? step.status : ""]),
    [
      ["tool", "abandoned"],
      ["text", ""],
    ],
  );
  assert.equal(replaced.status, "completed");
});

test("a tool call shows its result, and one that failed that it failed", () => {
  const done = (id: string, is_error: boolean) => ({
    tool_call_id: id,
    tool: "add",
    result: 3,
    is_error,
    duration_ms: 4,
  });
  const run = runOf(
    fold([
      ...OPENING,
      event(4, "tool_executing", { tool_call_id: "t1", tool: "add", arguments: [1, 2] }),
      event(5, "tool_completed", done("t1", false)),
      event(6, "tool_completed", done("t2", true)),
    ]),
  );
  assert.deepEqual(
    run.steps.map((step) => step.kind === "tool" && [step.id, step.status, step.arguments]),
    [
      ["t1", "completed", [1, 2]],
      ["t2", "failed", undefined],
    ],
  );
});

interface Step {
  at: number;
  event_type: JournalEvent["event_type"];
  status: RunStatus;
  [field: string]: unknown;
}

for (const { name, steps } of vectorsOf<{ steps: Step[] }>("run_statuses")) {
  test(`a run stands as the vector says: ${name}`, () => {
    let state = fold(OPENING.slice(0, 2));
    for (const [index, { at, event_type, status, ...data }] of steps.entries()) {
      const more = { agent: "demo", attempt: 1, text: "x", prompt: "?", value: 1, ...data };
      state = applyEvent(state, { ...event(3 + index, event_type, more), timestamp: at });
      const marked = state.threads.get(THREAD)?.active[RUN];
      assert.deepEqual([runOf(state).status, marked], [status, status], `${index}`);
    }
  });
}

test("a merged delta that overlaps leaves a gap instead of doubled text", () => {
  const state = fold([...OPENING, event(4, "agent_delta", { text: "ab" })]);
  const merged = event(6, "agent_delta", { text: "bc" }, { first_seq: 4 });
  const next = applyEvent(state, merged);
  assert.equal(next.threads.get(THREAD)?.hasGap, true);
  assert.equal(textOf(runOf(next)), "ab");
});

test("threads come in the order of their latest message or answer", () => {
  const other = { thread: "thread_chat_1_2_00000000" };
  const created = event(4, "thread_created", { title: "Other", metadata: {} }, other);
  const first = fold([...OPENING, created]);
  assert.deepEqual(first.recent, [other.thread, THREAD]);
  const delta = applyEvent(first, event(5, "agent_delta", { text: "a" }));
  assert.equal(delta.recent, first.recent);
  const ended = applyEvent(delta, event(6, "agent_cancelled", { reason: "why" }));
  assert.deepEqual(ended.recent, [THREAD, other.thread]);
  const gone = applyEvent(ended, event(7, "thread_deleted", {}));
  assert.deepEqual(
    [gone.recent, [...gone.threads.values()].map(({ id }) => id)],
    [[other.thread], [other.thread]],
  );
});

test("neither another name nor what a run does meanwhile moves a thread; a question does", () => {
  const other = { thread: "thread_chat_1_2_00000000" };
  const state = fold([
    ...OPENING,
    event(4, "thread_created", { title: "Other", metadata: {} }, other),
    event(5, "thread_updated", { title: "New", metadata: { archived: true } }),
    event(6, "tool_executing", { tool_call_id: "t1", tool: "add", arguments: {} }),
  ]);
  assert.deepEqual(state.recent, [other.thread, THREAD]);
  const asked = event(7, "input_requested", { input_id: "i1", prompt: "?", expires_at: 9 });
  assert.deepEqual(applyEvent(state, asked).recent, [THREAD, other.thread]);
});

test("what events told of runs is not undone by a snapshot from before", () => {
  const page = (seq: number, status: "running" | "waiting") => ({
    threads: [
      {
        ...{ thread_id: THREAD, title: null, preview: "Hi", metadata: {} },
        ...{ created_at: 1, updated_at: 2, last_seq: 2 },
        live_runs: [{ run_id: RUN, status }],
      },
    ],
    ...{ seq, next: null },
  });
  const active = (state: ChatState) => state.threads.get(THREAD)?.active;
  const running = fold(OPENING);
  assert.deepEqual(active(withThreadPage(running, page(9, "waiting"))), { [RUN]: "waiting" });
  const ended = applyEvent(running, event(4, "agent_cancelled", { reason: "why" }));
  assert.deepEqual(active(withThreadPage(ended, page(3, "running"))), {});
  // Of a thread that only this event told of, too.
  const unknown = fold([event(4, "agent_cancelled", { reason: "why" })], 3);
  assert.deepEqual(active(withThreadPage(unknown, page(3, "running"))), {});
});

test("a thread is called by its title, else by how its first message begins", () => {
  const state = fold(OPENING);
  const thread = state.threads.get(THREAD);
  assert.ok(thread);
  assert.equal(titleOf(thread), "Hi");
  assert.equal(isRunning(thread), true);
  assert.equal(titleOf({ ...thread, title: "Sums" }), "Sums");
});

test("a batch of events gives the same state as one by one, and shares what did not change", () => {
  const events = [...OPENING];
  for (let seq = 4; seq < 200; seq += 1)
    events.push(event(seq, "agent_delta", { text: `${seq} ` }));
  events.push(event(200, "agent_failed", { code: "internal", message: "x", retryable: true }));
  const before = { ...emptyState(), seq: 0 };
  assert.deepEqual(plain(applyEvents(before, events)), plain(fold(events)));
  assert.equal(before.threads.size, 0);
  const other = event(201, "thread_created", { title: "", metadata: {} }, { thread: "thread_o" });
  const state = fold(events);
  assert.equal(applyEvent(state, other).threads.get(THREAD), state.threads.get(THREAD));
});

test("every golden event is applied", () => {
  const vectors = vectorsOf<{ event: JournalEvent }>("events");
  assert.ok(vectors.length > 15);
  for (const { name, event } of vectors) {
    const opening = [1, 2, 3].map((seq) => ({
      ...(OPENING[seq - 1] as JournalEvent),
      seq: event.seq - 4 + seq,
      thread_id: event.thread_id as string,
      run_id: event.run_id as string,
    }));
    const before = applyEvents({ ...emptyState(), seq: event.seq - 4 }, opening as JournalEvent[]);
    const after = applyEvent(before, event);
    assert.equal(after.seq, event.seq, name);
    assert.notEqual(after.threads, before.threads, name);
  }
});

test("a delta reads no thread but its own", () => {
  const opened = [0, 1, 2, 3].map((count) =>
    event(count + 1, "thread_created", { title: "", metadata: {} }, { thread: `thread_${count}` }),
  );
  const state = applyEvents({ ...emptyState(), seq: 0 }, opened);
  const [own, ...others] = [...state.threads.values()];
  const seen = new Set<string>();
  for (const other of others)
    for (const [name, value] of Object.entries(other)) {
      const get = () => {
        seen.add(other.id);
        return value;
      };
      if (name !== "id") Object.defineProperty(other, name, { get, enumerable: true });
    }
  const at = { thread: own?.id ?? "" };
  const written = applyEvent(state, event(5, "agent_delta", { text: "word " }, at));
  assert.deepEqual([...seen], []);
  assert.equal(written.recent, state.recent);
  const message = { role: "user", content: "Hi", client_message_id: "m1" };
  applyEvent(written, event(6, "message_created", message, at)); // what moves it looks at all
  assert.equal(seen.size, others.length);
});

test("nothing follows the end of a run", () => {
  const ended = [...OPENING, event(4, "agent_cancelled", { reason: "why" })];
  const state = fold([...ended, event(5, "agent_delta", { text: "late" })]);
  assert.deepEqual([textOf(runOf(state)), runOf(state).status, state.seq], ["", "cancelled", 5]);
});

test("a question that an earlier attempt asked is answered in the later one", () => {
  const state = fold([
    ...OPENING,
    event(4, "input_requested", { input_id: "i1", prompt: "?", expires_at: 9 }),
    event(5, "agent_started", { agent: "demo", attempt: 2 }),
    event(6, "input_received", { input_id: "i1", value: 7 }),
  ]);
  const [step] = runOf(state).steps;
  assert.ok(step?.kind === "input");
  assert.deepEqual([step.status, step.value, runOf(state).status], ["answered", 7, "running"]);
  assert.deepEqual([step.startedAt, step.answeredAt], [5.5, 7.5]);
});

test("a thread is named by whatever comes last, in whatever order it becomes known", () => {
  const snapshot = (seq: number, title: string) => ({
    threads: [
      {
        thread_id: THREAD,
        title,
        preview: "Hi",
        metadata: {},
        created_at: 1,
        updated_at: seq,
        last_seq: seq,
      },
    ],
    seq,
    next: null,
  });
  const renamed = event(5, "thread_updated", { title: "New", metadata: {} });
  const named = (state: ChatState) => state.threads.get(THREAD)?.title;
  assert.equal(named(applyEvent(withThreadPage(fold([]), snapshot(4, "Old")), renamed)), "New");
  assert.equal(named(withThreadPage(fold([...OPENING, renamed]), snapshot(4, "Old"))), "New");
  assert.equal(named(withThreadPage(fold([...OPENING, renamed]), snapshot(9, "Newer"))), "Newer");
  const unknown = fold([renamed], 4);
  assert.equal(unknown.threads.get(THREAD)?.isKnown, false);
  assert.equal(named(withThreadPage(unknown, snapshot(9, "Newer"))), "Newer");
});

test("a stale response does not bring back a deleted thread", () => {
  const snapshot = (id: string): Thread => ({
    thread_id: id,
    title: "Sums",
    preview: null,
    metadata: {},
    created_at: 1,
    updated_at: 1,
    last_seq: 5,
  });
  const other = "thread_chat_1_2_00000000";
  const page = { threads: [snapshot(THREAD), snapshot(other)], seq: 100, next: null };
  const before = withThreadPage(emptyState(), { ...page, threads: [snapshot(THREAD)] });
  const after = applyEvent(before, event(101, "thread_deleted", {}));
  const late = withThreadPage(after, page);
  assert.deepEqual([after.recent, late.recent], [[], [other]]);
  // Of a thread that was not known here, either.
  const unknown = applyEvent(late, event(102, "thread_deleted", {}, { thread: "thread_x" }));
  assert.equal(
    withThreadPage(unknown, { ...page, threads: [snapshot("thread_x")] }).recent.length,
    1,
  );
});

test("no more deletions are remembered than a read may meet", () => {
  const events = Array.from({ length: 1_500 }, (_, at) =>
    event(at + 1, "thread_deleted", {}, { thread: `thread_${at}` }),
  );
  const next = applyEvents({ ...emptyState(), seq: 0 }, events);
  assert.deepEqual([next.deleted.length, next.deleted.at(-1)], [1_000, "thread_1499"]);
});
