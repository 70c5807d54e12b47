/** The steps of a run as they are shown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Step } from "@threadcast/client";
import { piecesOf } from "../../src/chat/conversation/pieces.ts";
import { run } from "./a_run.ts";

const thought = (text: string, startedAt: number): Step => ({ kind: "thinking", text, startedAt });
const said = (text: string, startedAt = 110): Step => ({ kind: "text", text, startedAt });
const asked: Step = {
  ...{ kind: "input", id: "i1", prompt: "?", schema: null, startedAt: 3, expiresAt: 9 },
  ...{ status: "open", value: undefined, answeredAt: null },
};
const tool: Step = {
  ...{ kind: "tool", id: "c1", tool: "add", arguments: {}, status: "running", result: 1 },
  ...{ durationMs: null, startedAt: 104 },
};

test("adjacent thoughts are one piece, which ends where another step begins", () => {
  const steps = [thought("a", 100), thought("b", 102), tool, thought("c", 106), said("x")];
  const pieces = piecesOf(run({ steps }));
  assert.deepEqual(
    pieces.map(({ of }) => (of.kind === "thoughts" ? [of.texts, of.startedAt, of.endedAt] : of)),
    [[["a", "b"], 100, 104], tool, [["c"], 106, 110], steps[4]],
  );
});

test("a step keeps its identity, so that views can tell what did not change", () => {
  assert.equal(piecesOf(run({ steps: [tool] }))[0]?.of, tool);
});

test("thoughts are ongoing while nothing follows them and the run is active", () => {
  const steps = [thought("a", 100)];
  const last = (fields: Parameters<typeof run>[0]) => {
    const of = piecesOf(run({ steps, ...fields }))[0]?.of;
    return of?.kind === "thoughts" && [of.isOngoing, of.endedAt];
  };
  assert.deepEqual(last({}), [true, null]);
  assert.deepEqual(last({ status: "waiting" }), [false, null]);
  assert.deepEqual(last({ status: "completed", startedAt: 99, durationMs: 4_000 }), [false, 103]);
  assert.deepEqual(last({ status: "cancelled" }), [false, null]);
});

test("a question keeps its key in a later attempt, and no other step does", () => {
  const keys = (attempt: number) =>
    piecesOf(run({ attempt, steps: [asked, tool, said("x"), thought("a", 1)] })).map(
      ({ key }) => key,
    );
  const [first, second] = [keys(1), keys(2)];
  assert.deepEqual(
    first.map((key, index) => key === second[index]),
    [true, false, false, false],
  );
  assert.equal(new Set(first).size, 4);
});
