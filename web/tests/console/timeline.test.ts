import assert from "node:assert/strict";
import { test } from "node:test";
import { eventRows } from "../../src/console/timeline/event_rows.ts";
import {
  advanced,
  extentOf,
  pictureAt,
  stepped,
  toggled,
} from "../../src/console/timeline/replay.ts";
import { marksOf, offset, placeOf, ticksOf } from "../../src/console/timeline/scale.ts";
import { type RunEvent, waterfall } from "../../src/console/timeline/waterfall.ts";

type Fact = readonly [at: number, type: string, data?: Record<string, unknown>];

function events(...facts: readonly Fact[]): RunEvent[] {
  return facts.map(([at, type, data = {}], index) => ({
    seq: index + 1,
    at,
    type,
    data,
    hidden: {},
    textBytes: String(data.text ?? "").length,
  }));
}

const RUN = events(
  [0, "message_created"],
  [1, "agent_started", { attempt: 1, agent: "demo" }],
  [2, "agent_thinking", { text: "hm" }],
  [3, "tool_executing", { tool: "clock", tool_call_id: "c1" }],
  [5, "tool_completed", { tool_call_id: "c1", is_error: false }],
  [6, "agent_delta", { text: "It is " }],
  [7, "agent_delta", { text: "nine." }],
  [8, "agent_completed", { content: "It is nine." }],
);

function brief(run: readonly RunEvent[]) {
  return waterfall(run).map((row) => [row.kind, row.from, row.to, row.outcome]);
}

test("a run becomes rows for its queue, its attempts and their steps", () => {
  assert.deepEqual(brief(RUN), [
    ["queue", 0, 1, "done"],
    ["attempt", 1, 8, "done"],
    ["lease", 1, 8, "done"],
    ["thinking", 2, 3, "done"],
    ["tool", 3, 5, "done"],
    ["text", 6, 8, "done"],
  ]);
  assert.deepEqual(waterfall(RUN).at(-1)?.ticks, [6, 7]);
});

test("the last lease names its owner", () => {
  assert.equal(waterfall(RUN, "of node_a, fence 2")[2]?.detail, "of node_a, fence 2");
});

test("an ongoing row has no end", () => {
  assert.deepEqual(brief(RUN.slice(0, 4)), [
    ["queue", 0, 1, "done"],
    ["attempt", 1, null, "going"],
    ["lease", 1, null, "going"],
    ["thinking", 2, 3, "done"],
    ["tool", 3, null, "going"],
  ]);
});

test("a lost attempt and its steps are void, and it was silent before", () => {
  const run = events(
    [0, "message_created"],
    [1, "agent_started", { attempt: 1 }],
    [2, "agent_thinking", { text: "hm" }],
    [3, "tool_executing", { tool: "clock", tool_call_id: "c1" }],
    [13, "agent_started", { attempt: 2 }],
    [14, "agent_failed", { code: "agent_error" }],
  );

  assert.deepEqual(brief(run), [
    ["queue", 0, 1, "done"],
    ["attempt", 1, 13, "void"],
    ["lease", 1, 13, "void"],
    ["thinking", 2, 3, "void"],
    ["tool", 3, 13, "void"],
    ["attempt", 13, 14, "failed"],
    ["lease", 13, 14, "done"],
  ]);
  assert.deepEqual(
    waterfall(run).map((row) => row.silentFrom),
    [null, 3, 3, null, 3, null, null],
  );
});

test("a question to a person outlives the attempt that asked it", () => {
  const run = events(
    [0, "message_created"],
    [1, "agent_started", { attempt: 1 }],
    [2, "input_requested", { input_id: "i1" }],
    [9, "agent_started", { attempt: 2 }],
    [11, "input_received", { input_id: "i1" }],
  );

  assert.deepEqual(brief(run)[3], ["input", 2, 11, "done"]);
});

test("a tool that failed is marked, and a run that is cancelled leaves nothing open", () => {
  const run = events(
    [0, "message_created"],
    [1, "agent_started", { attempt: 1 }],
    [2, "tool_executing", { tool: "a", tool_call_id: "c1" }],
    [3, "tool_completed", { tool_call_id: "c1", is_error: true }],
    [4, "tool_executing", { tool: "b", tool_call_id: "c2" }],
    [5, "agent_cancelled", { reason: "user" }],
  );

  assert.deepEqual(
    waterfall(run).map((row) => [row.label, row.outcome]),
    [
      ["In the queue", "done"],
      ["Attempt 1", "done"],
      ["Lease", "done"],
      ["a", "failed"],
      ["b", "void"],
    ],
  );
});

test("a replay goes at its pace, and ends with the run", () => {
  const extent = extentOf(RUN);
  const begun = toggled({ position: extent.to, pace: 2, isPlaying: false }, extent);

  assert.deepEqual(begun, { position: 0, pace: 2, isPlaying: true });
  assert.equal(advanced(begun, 1.5, extent).position, 3);
  assert.deepEqual(advanced(begun, 60, extent), { position: 8, pace: 2, isPlaying: false });
});

test("a replay steps from event to event", () => {
  const replay = { position: 2, pace: 1 as const, isPlaying: true };

  assert.deepEqual(stepped(replay, RUN, 1), { position: 3, pace: 1, isPlaying: false });
  assert.equal(stepped(replay, RUN, -1).position, 1);
  assert.equal(stepped({ ...replay, position: 8 }, RUN, 1).position, 8);
});

test("a moment has what was streamed until then, of the last attempt", () => {
  assert.deepEqual(pictureAt(RUN, 6.5), {
    events: 6,
    doing: "Answering",
    text: "It is ",
    pieces: 1,
    bytes: 6,
  });
  assert.equal(pictureAt(RUN, 4).doing, "Calling clock");
  assert.equal(pictureAt(RUN, 9).text, "It is nine.");
  assert.equal(pictureAt([...RUN.slice(0, 6), ...events([9, "agent_started"])], 9).pieces, 0);
});

test("hidden texts are shown as their size", () => {
  const hidden = RUN.map((event) => ({ ...event, data: {}, hidden: { text: 40 }, textBytes: 40 }));

  assert.equal(pictureAt(hidden, 9).bytes, 80);
  assert.equal(eventRows(hidden).find((row) => row.events === 2)?.says, "text: 80 bytes");
});

test("consecutive deltas are one row", () => {
  assert.deepEqual(
    eventRows(RUN)
      .map((row) => [row.first.seq, row.last.seq, row.says])
      .slice(-2),
    [
      [6, 7, "It is nine."],
      [8, 8, "content: It is nine."],
    ],
  );
});

test("the time scale is marked at round times", () => {
  assert.deepEqual(marksOf({ from: 100, to: 108 }), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal(placeOf(104, { from: 100, to: 108 }), 50);
  assert.equal(placeOf(5, { from: 5, to: 5 }), 0);
  assert.deepEqual(ticksOf([100, 100.001, 104], { from: 100, to: 108 }), [0, 50]);
  assert.deepEqual(
    [offset(0), offset(3.25), offset(75), offset(3_700)],
    ["+0.0 s", "+3.3 s", "+1:15 min", "+1:01 h"],
  );
});
