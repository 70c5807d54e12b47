/** A run, for tests. */
import type { OutboxEntry, RunView } from "@threadcast/client";

/** A run with what most tests do not care about. */
export function run(fields: Partial<RunView> = {}): RunView {
  return {
    ...{ id: "r1", message: null, status: "running", position: 0, agent: "demo", attempt: 1 },
    ...{ steps: [], failure: null, reason: "", startedAt: 100, durationMs: null, usage: null },
    ...fields,
  };
}

/** A message that waits to be sent. */
export function entry(fields: Partial<OutboxEntry> = {}): OutboxEntry {
  return {
    ...{ kind: "message", key: "m1", status: "waiting", error: null, thread: null, draft: null },
    ...{ content: "Hi", runId: null, inputId: null, value: undefined, createdAt: 1 },
    ...fields,
  };
}
