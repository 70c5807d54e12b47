/**
 * Reducers for one thread's history: its runs, each with its message and its steps.
 *
 * Pure, like `state.ts`.
 */

import type { JournalEvent } from "../protocol.ts";
import { isActive } from "../runs.ts";
import type { History, InputStep, RunView, Step, ToolStep } from "./model.ts";
import { tableOf, withRows } from "./table.ts";

/**
 * @param from the history will hold the thread's events after this seq
 * @param before the cursor of the next page of older messages; null if there is none
 */
export const emptyHistory = (from: number, before: string | null = null): History => ({
  upTo: from,
  from,
  before,
  hasEarlier: before !== null,
  order: [],
  runs: tableOf(),
});

/** The answer's text so far, without tool calls and thoughts. */
export const textOf = (run: RunView): string =>
  run.steps.map((step) => (step.kind === "text" ? step.text : "")).join("");

/**
 * The history after these events of its thread; events that it already includes change nothing.
 *
 * The history is copied once, however many events there are.
 *
 * @returns null if an event merges several deltas and the history includes only some of them
 */
export function foldHistory(history: History, events: readonly JournalEvent[]): History | null {
  let { upTo } = history;
  const begun: string[] = [];
  const changed = new Map<string, RunView>();
  for (const event of events) {
    const { seq, run_id: id } = event;
    if (seq <= upTo) continue;
    if (event.event_type === "agent_delta" && (event.first_seq ?? seq) <= upTo) return null;
    upTo = seq;
    if (id === undefined) continue;
    const known = changed.get(id) ?? history.runs.get(id);
    if (known && !isActive(known)) continue;
    if (!known) begun.push(id);
    changed.set(id, standing(foldRun(known ?? newRun(id), event), event.timestamp));
  }
  const order = begun.length ? [...history.order, ...begun] : history.order;
  return { ...history, upTo, order, runs: withRows(history.runs, [...changed.values()]) };
}

/**
 * A history with an earlier part in front.
 *
 * @returns null if a run has events in both parts: then both have to be read again in one go
 */
export function joined(earlier: History, history: History): History | null {
  if (history.order.some((id) => earlier.runs.get(id))) return null;
  return {
    ...earlier,
    upTo: history.upTo,
    order: [...earlier.order, ...history.order],
    runs: withRows(earlier.runs, [...history.runs.values()]),
  };
}

const newRun = (id: string): RunView => ({
  id,
  message: null,
  status: "queued",
  position: 0,
  agent: "",
  attempt: 1,
  steps: [],
  failure: null,
  reason: "",
  startedAt: null,
  durationMs: null,
  usage: null,
});

/** A started run is `waiting` while one of its questions is neither answered nor expired. */
function standing(run: RunView, now: number): RunView {
  if (run.status !== "running" && run.status !== "waiting") return run;
  const asks = (step: Step) => step.kind === "input" && isOpen(step) && step.expiresAt > now;
  const status = run.steps.some(asks) ? "waiting" : "running";
  return status === run.status ? run : { ...run, status };
}

function foldRun(run: RunView, event: JournalEvent): RunView {
  const startedAt = event.timestamp;
  switch (event.event_type) {
    case "message_created": {
      const { content, client_message_id: clientMessageId, created_at } = event.data;
      return { ...run, message: { content, timestamp: created_at ?? startedAt, clientMessageId } };
    }
    case "run_queued":
      return { ...run, agent: event.data.agent, position: event.data.position };
    case "agent_started":
      // The steps of an earlier attempt are void, except questions: they belong to the run, and a
      // new attempt that reaches the same question takes the same answer.
      return {
        ...run,
        status: "running",
        agent: event.data.agent,
        attempt: event.data.attempt,
        steps: run.steps.filter(({ kind }) => kind === "input"),
        startedAt,
      };
    case "agent_thinking":
      return withStep(run, { kind: "thinking", text: event.data.text, startedAt });
    case "agent_delta":
      return streamed(run, event.data.text, startedAt);
    case "tool_executing":
    case "tool_completed":
      return tool(run, event);
    case "input_requested": {
      const { input_id: id, prompt, schema = null, expires_at: expiresAt } = event.data;
      return withStep(run, {
        kind: "input",
        id,
        prompt,
        schema: schema as Record<string, unknown> | null,
        startedAt,
        expiresAt,
        status: "open",
        value: undefined,
        answeredAt: null,
      });
    }
    case "input_received": {
      const { input_id: id, value } = event.data;
      const answeredAt = event.timestamp;
      return changeSteps(run, (step) =>
        step.kind === "input" && step.id === id
          ? { ...step, status: "answered", value, answeredAt }
          : step,
      );
    }
    case "agent_completed":
      return completed(run, event.data);
    case "agent_failed":
      return { ...ended(run), status: "failed", failure: event.data };
    case "agent_cancelled":
      return { ...ended(run), status: "cancelled", reason: event.data.reason };
    default:
      return run;
  }
}

function streamed(run: RunView, text: string, startedAt: number): RunView {
  const last = run.steps.at(-1);
  if (last?.kind !== "text") return withStep(run, { kind: "text", text, startedAt });
  return { ...run, steps: run.steps.with(-1, { ...last, text: last.text + text }) };
}

type ToolEvent = Extract<JournalEvent, { event_type: "tool_executing" | "tool_completed" }>;

function tool(run: RunView, event: ToolEvent): RunView {
  const { tool_call_id: id, tool } = event.data;
  const isIt = (step: Step): step is ToolStep => step.kind === "tool" && step.id === id;
  const step: ToolStep = {
    kind: "tool",
    id,
    tool,
    arguments: undefined,
    status: "running",
    result: undefined,
    durationMs: null,
    startedAt: event.timestamp,
  };
  if (event.event_type === "tool_executing") {
    return withStep(run, { ...step, arguments: event.data.arguments });
  }
  const { is_error, result, duration_ms: durationMs } = event.data;
  const done = { status: is_error ? "failed" : "completed", result, durationMs } as const;
  const begun = run.steps.some(isIt) ? run : withStep(run, step);
  return changeSteps(begun, (one) => (isIt(one) ? { ...one, ...done } : one));
}

type Completed = Extract<JournalEvent, { event_type: "agent_completed" }>["data"];

/** `content` is the whole answer: it replaces the deltas if they do not add up to it. */
function completed(run: RunView, { content, duration_ms: durationMs, usage }: Completed): RunView {
  const done: RunView = {
    ...ended(run),
    status: "completed",
    durationMs,
    usage: (usage ?? null) as RunView["usage"],
  };
  if (textOf(done) === content) return done;
  const others = done.steps.filter(({ kind }) => kind !== "text");
  return withStep({ ...done, steps: others }, { kind: "text", text: content, startedAt: null });
}

/** Whether a step has no outcome yet. */
const isOpen = (step: Step): step is ToolStep | InputStep =>
  step.kind === "tool"
    ? step.status === "running"
    : step.kind === "input" && step.status === "open";

const ended = (run: RunView) =>
  changeSteps(run, (step) => (isOpen(step) ? { ...step, status: "abandoned" } : step));

const withStep = (run: RunView, step: Step): RunView => ({ ...run, steps: [...run.steps, step] });

const changeSteps = (run: RunView, change: (step: Step) => Step): RunView => ({
  ...run,
  steps: run.steps.map(change),
});
