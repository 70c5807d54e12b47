/** How a failure is told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { failureDetails, failureWords, mayPass } from "../../src/chat/conversation/failure.ts";
import { run } from "./a_run.ts";

const failed = (code: string, message: string, retryable = false) =>
  run({ status: "failed", failure: { code, message, retryable } });

test("a failure is told in a sentence for people, whatever the message was for", () => {
  const lost = "the model endpoint failed: the connection failed or was lost";
  const told = [
    failed("model_error", lost),
    failed("node_lost", "The node that ran the agent was lost."),
    failed("agent_error", "The agent failed."),
    failed("bad_field", "We have none of these."),
    failed("model_error", "請稍後再試。"),
    failed("unheard_of", "errno 5"),
    run({ status: "failed" }),
  ];
  assert.deepEqual(told.map(failureWords), [
    "The language model could not answer.",
    "The server was interrupted while it answered.",
    "The agent failed.",
    "We have none of these.",
    "請稍後再試。",
    "Something went wrong.",
    "The run failed.",
  ]);
  assert.equal(failureDetails(failed("model_error", lost)), `model_error: ${lost}\nr1`);
});

test("a question that nobody answered can be asked again", () => {
  const expired = failed("expired", "The question was not answered in time.");
  assert.equal(failureWords(expired), "Nobody answered in time.");
  assert.equal(expired.failure && mayPass(expired.failure), true);
  assert.equal(mayPass({ code: "bad_field", message: "No.", retryable: false }), false);
  assert.equal(mayPass({ code: "agent_error", message: "No.", retryable: true }), true);
});
