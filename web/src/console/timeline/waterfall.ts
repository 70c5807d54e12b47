/**
 * A run's events as a waterfall: a row for its time in the queue, for each attempt, and for each step
 * of an attempt. Pure; knows no view.
 *
 * Times are seconds since the epoch. A row without an end goes on.
 */
import { endsRun } from "@threadcast/client/chat";

/** An event of the run. */
export interface RunEvent {
  readonly seq: number;
  readonly at: number;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** The fields that the operator may not read, with their sizes in bytes. */
  readonly hidden: Readonly<Record<string, number>>;
  /** The size of its text in bytes, hidden or not. */
  readonly textBytes: number;
}

export type RowKind = "queue" | "attempt" | "lease" | "thinking" | "tool" | "text" | "input";

/** How a row ended. `void`: its attempt was lost, with everything it did. */
export type Outcome = "going" | "done" | "failed" | "void";

export interface Row {
  readonly key: string;
  readonly kind: RowKind;
  readonly label: string;
  readonly detail: string;
  /** 0 for the queue and attempts, 1 for the steps of an attempt. */
  readonly depth: 0 | 1;
  readonly from: number;
  readonly to: number | null;
  readonly outcome: Outcome;
  /** The times of deltas or thoughts. */
  readonly ticks: readonly number[];
  /** When it fell silent before the take-over; null if it did not. */
  readonly silentFrom: number | null;
}

type Draft = { -readonly [Key in keyof Row]: Row[Key] } & { ticks: number[] };

/**
 * The rows of a run, in order of their beginning.
 *
 * @param lease the current lease in words, which no event tells
 */
export function waterfall(events: readonly RunEvent[], lease = ""): Row[] {
  const folding = new Folding();
  for (const event of events) folding.take(event);
  const last = folding.rows.findLast((row) => row.kind === "lease");
  if (last !== undefined) last.detail = lease;
  return folding.rows;
}

/** Whether the events include the end of the run. */
export function hasEnded(events: readonly RunEvent[]): boolean {
  return events.some((event) => endsRun(event.type));
}

/** A text in an event's data; empty if missing or hidden. */
export function textOf(event: RunEvent, name: string): string {
  const value = event.data[name];
  return typeof value === "string" ? value : "";
}

class Folding {
  readonly rows: Draft[] = [];
  /** The thought or text that lasts until another event. */
  #phase: Draft | null = null;
  #lastAt = 0;

  take(event: RunEvent): void {
    switch (event.type) {
      case "message_created":
        this.#begin("queue", event, "In the queue", "");
        break;
      case "agent_started":
        this.#start(event);
        break;
      case "agent_thinking":
        this.#go("thinking", event, "Thinking");
        break;
      case "agent_delta":
        this.#go("text", event, "Text");
        break;
      case "tool_executing":
        this.#endPhase(event.at);
        this.#begin("tool", event, textOf(event, "tool") || "Tool", textOf(event, "tool_call_id"));
        break;
      case "tool_completed":
        this.#close("tool", textOf(event, "tool_call_id"), event, event.data.is_error === true);
        break;
      case "input_requested":
        this.#endPhase(event.at);
        this.#begin("input", event, "Asked a person", textOf(event, "input_id"));
        break;
      case "input_received":
        this.#close("input", textOf(event, "input_id"), event, false);
        break;
      default:
        if (endsRun(event.type)) this.#end(event);
    }
    this.#lastAt = event.at;
  }

  #start(event: RunEvent): void {
    this.#phase = null;
    for (const row of this.rows) {
      if (row.kind === "queue" && row.to === null) finish(row, event.at, "done");
      if (row.to === null && row.kind !== "input") lose(row, this.#lastAt, event.at);
      else if (row.depth === 1 && row.outcome === "done") row.outcome = "void";
    }
    const number = typeof event.data.attempt === "number" ? event.data.attempt : 1;
    this.#begin("attempt", event, `Attempt ${number}`, textOf(event, "agent"));
    this.#begin("lease", event, "Lease", "");
  }

  #go(kind: "thinking" | "text", event: RunEvent, label: string): void {
    if (this.#phase?.kind !== kind) {
      this.#endPhase(event.at);
      this.#phase = this.#begin(kind, event, label, "");
    }
    this.#phase?.ticks.push(event.at);
  }

  #endPhase(at: number): void {
    if (this.#phase !== null) finish(this.#phase, at, "done");
    this.#phase = null;
  }

  #close(kind: RowKind, id: string, event: RunEvent, isFailure: boolean): void {
    const open = this.rows.filter((row) => row.kind === kind && row.to === null);
    const row = open.find((one) => one.detail === id) ?? open.at(-1);
    if (row !== undefined) finish(row, event.at, isFailure ? "failed" : "done");
  }

  #end(event: RunEvent): void {
    this.#endPhase(event.at);
    const outcome = event.type === "agent_failed" ? "failed" : "done";
    for (const row of this.rows) {
      if (row.to !== null) continue;
      if (row.kind === "lease") finish(row, event.at, "done");
      else finish(row, event.at, row.depth === 0 || outcome === "failed" ? outcome : "void");
    }
  }

  #begin(kind: RowKind, event: RunEvent, label: string, detail: string): Draft {
    const row: Draft = {
      key: `${kind}-${event.seq}`,
      kind,
      label,
      detail,
      depth: kind === "queue" || kind === "attempt" ? 0 : 1,
      from: event.at,
      to: null,
      outcome: "going",
      ticks: [],
      silentFrom: null,
    };
    this.rows.push(row);
    return row;
  }
}

function finish(row: Draft, at: number, outcome: Outcome): void {
  row.to = at;
  row.outcome = outcome;
}

function lose(row: Draft, silentFrom: number, takenOverAt: number): void {
  finish(row, takenOverAt, "void");
  row.silentFrom = silentFrom;
}
