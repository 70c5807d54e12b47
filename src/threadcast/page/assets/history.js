/**
 * The conversation of one thread, folded from its events: messages, runs and what they did.
 *
 * Pure, like `state.js`. A run is a message with everything that answered it.
 */

export const FINAL = new Set(["completed", "failed", "cancelled"]);

/**
 * @param upTo seq up to which all events of the thread are in here
 * @param hasEarlier whether there are older messages that were not read
 */
export function emptyHistory(upTo, hasEarlier) {
  return { upTo, hasEarlier, order: [], runs: {} };
}

/** The history after one event of its thread; the caller has seen to it that `seq` is new. */
export function foldIntoHistory(history, event) {
  const next = { ...history, upTo: event.seq };
  const fold = FOLDS[event.event_type];
  if (fold === undefined || event.run_id === undefined) return next;
  const known = history.runs[event.run_id];
  if (known !== undefined && FINAL.has(known.status)) return next;
  const run = fold(known ?? newRun(event), event.data, event);
  next.runs = { ...history.runs, [run.id]: run };
  if (known === undefined) next.order = [...history.order, run.id];
  return next;
}

export function isActive(run) {
  return !FINAL.has(run.status);
}

/** The text that was streamed, without tools and thoughts. */
export function textOf(run) {
  return run.steps.map((step) => (step.kind === "text" ? step.text : "")).join("");
}

function newRun(event) {
  return {
    id: event.run_id, message: null, status: "queued", position: 0, agent: "", attempt: 1,
    steps: [], failure: null, reason: "", startedAt: null, durationMs: null, usage: null,
  };
}

const FOLDS = {
  message_created: (run, data, event) => ({
    ...run,
    message: {
      content: data.content, timestamp: data.created_at ?? event.timestamp, clientMessageId: data.client_message_id,
    },
  }),
  run_queued: (run, data) => ({
    ...run, status: "queued", agent: data.agent, position: data.position,
  }),
  agent_started: started,
  agent_thinking: (run, data) => withStep(run, { kind: "thinking", text: data.text }),
  agent_delta: streamed,
  tool_executing: (run, data, event) => withStep(run, {
    kind: "tool", id: data.tool_call_id, tool: data.tool, arguments: data.arguments,
    status: "running", result: undefined, durationMs: null, startedAt: event.timestamp,
  }),
  tool_completed: toolCompleted,
  input_requested: (run, data) => withStep({ ...run, status: "waiting" }, {
    kind: "input", id: data.input_id, prompt: data.prompt, schema: data.schema ?? null,
    expiresAt: data.expires_at, status: "open", value: undefined,
  }),
  input_received: inputReceived,
  agent_completed: completed,
  agent_failed: (run, data) => ended(run, "failed", { failure: data }),
  agent_cancelled: (run, data) => ended(run, "cancelled", { reason: data.reason }),
};

/**
 * An attempt begins; what an earlier one streamed is void. Questions stay: they belong to the run,
 * and an attempt that comes to one again waits for the same answer without asking twice.
 */
function started(run, data, event) {
  return {
    ...run, status: "running", agent: data.agent, attempt: data.attempt,
    steps: run.steps.filter(({ kind }) => kind === "input"), startedAt: event.timestamp,
  };
}

function streamed(run, data) {
  const last = run.steps.at(-1);
  if (last?.kind !== "text") return withStep(run, { kind: "text", text: data.text });
  return { ...run, steps: [...run.steps.slice(0, -1), { ...last, text: last.text + data.text }] };
}

function toolCompleted(run, data, event) {
  const done = {
    status: data.is_error ? "failed" : "completed", result: data.result,
    durationMs: data.duration_ms,
  };
  const isIt = (step) => step.kind === "tool" && step.id === data.tool_call_id;
  if (run.steps.some(isIt)) return changeSteps(run, isIt, done);
  return withStep(run, {
    kind: "tool", id: data.tool_call_id, tool: data.tool, arguments: undefined,
    startedAt: event.timestamp, ...done,
  });
}

function inputReceived(run, data) {
  const isIt = (step) => step.kind === "input" && step.id === data.input_id;
  const answered = changeSteps(run, isIt, { status: "answered", value: data.value });
  const stillWaits = answered.steps.some((step) => step.kind === "input" && step.status === "open");
  return { ...answered, status: stillWaits ? "waiting" : "running" };
}

/** `content` is the whole answer: where the pieces do not add up to it, it replaces them. */
function completed(run, data) {
  const done = ended(run, "completed", { durationMs: data.duration_ms, usage: data.usage ?? null });
  if (textOf(done) === data.content) return done;
  const others = done.steps.filter((step) => step.kind !== "text");
  return withStep({ ...done, steps: others }, { kind: "text", text: data.content });
}

function ended(run, status, fields) {
  const isOpen = (step) => step.status === "running" || step.status === "open";
  return { ...changeSteps(run, isOpen, { status: "abandoned" }), status, ...fields };
}

function withStep(run, step) {
  return { ...run, steps: [...run.steps, step] };
}

function changeSteps(run, isIt, fields) {
  return { ...run, steps: run.steps.map((step) => (isIt(step) ? { ...step, ...fields } : step)) };
}
