/**
 * The state of a user interface, as immutable values.
 *
 * `ChatState` is folded from snapshots and events (`state.ts`). Successive states share what did not
 * change, so views can compare parts of them by identity. This module has no code.
 */
import type { JournalEvent, RunStatus } from "../protocol.ts";

/** An immutable map by id. */
export type Table<T> = Pick<ReadonlyMap<string, T>, "get" | "size" | "values">;

export interface TextStep {
  readonly kind: "text";
  readonly text: string;
  /** Seconds since the epoch; null if it was not streamed. */
  readonly startedAt: number | null;
}

export interface ThinkingStep {
  readonly kind: "thinking";
  readonly text: string;
  /** Seconds since the epoch. */
  readonly startedAt: number;
}

export interface ToolStep {
  readonly kind: "tool";
  /** The tool call's id. */
  readonly id: string;
  readonly tool: string;
  readonly arguments: unknown;
  readonly status: "running" | "completed" | "failed" | "abandoned";
  readonly result: unknown;
  readonly durationMs: number | null;
  readonly startedAt: number;
}

export interface InputStep {
  readonly kind: "input";
  /** The input's id. */
  readonly id: string;
  readonly prompt: string;
  /** The JSON Schema of the answer; null for free text. */
  readonly schema: Record<string, unknown> | null;
  /** Seconds since the epoch, as all times. */
  readonly startedAt: number;
  readonly expiresAt: number;
  readonly status: "open" | "answered" | "abandoned";
  readonly value: unknown;
  readonly answeredAt: number | null;
}

export type Step = TextStep | ThinkingStep | ToolStep | InputStep;

export interface Message {
  readonly content: string;
  readonly timestamp: number;
  readonly clientMessageId: string;
}

/** A message and everything that answers it. */
export interface RunView {
  readonly id: string;
  readonly message: Message | null;
  readonly status: RunStatus;
  /** How many runs are ahead of a queued one, from 1. */
  readonly position: number;
  readonly agent: string;
  /** From 1. Above 1 the run was taken over, and what earlier attempts streamed is void. */
  readonly attempt: number;
  readonly steps: readonly Step[];
  readonly failure: {
    readonly code: string;
    readonly message: string;
    readonly retryable: boolean;
  } | null;
  /** Why it was cancelled. */
  readonly reason: string;
  readonly startedAt: number | null;
  readonly durationMs: number | null;
  readonly usage: Readonly<Record<string, unknown>> | null;
}

export interface History {
  /** Includes all events of the thread up to this seq. */
  readonly upTo: number;
  /** Includes no events up to this seq, where the oldest message that was read begins. */
  readonly from: number;
  /** The cursor of the next page of older messages; null if there is none. */
  readonly before: string | null;
  /** Whether there are older messages to read. */
  readonly hasEarlier: boolean;
  /** Run ids, oldest first. */
  readonly order: readonly string[];
  readonly runs: Table<RunView>;
}

export interface ThreadView {
  readonly id: string;
  readonly title: string | null;
  /** The seq of the event that set title and metadata; 0 for a snapshot. */
  readonly titleSeq: number;
  readonly preview: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The seq of the event that last moved it to the top of the list. */
  readonly order: number;
  readonly updatedAt: number;
  /** The statuses of the runs that have not ended, by run id. */
  readonly active: Readonly<Record<string, RunStatus>>;
  /** The seq of the event that last changed `active`; 0 for a snapshot. */
  readonly activeSeq: number;
  /** Whether it was read; false while only some of its events are known. */
  readonly isKnown: boolean;
  /** Null until the thread has been opened and read. */
  readonly history: History | null;
  /** The events that arrived while the history is being read; null if it is not being read. */
  readonly waiting: readonly JournalEvent[] | null;
  /** Whether the history has to be read again. */
  readonly hasGap: boolean;
}

export interface ChatState {
  readonly user: string | null;
  /** The cursor: includes all events of this feed up to `seq`. */
  readonly feed: string | null;
  readonly seq: number | null;
  readonly at: number | null;
  readonly threads: Table<ThreadView>;
  /** The ids of all threads, most recently active first. */
  readonly recent: readonly string[];
  /** The cursor of the next page of older threads; null if there is none. */
  readonly olderThreads: string | null;
  /** The latest deleted threads, so that a stale response does not bring one back. */
  readonly deleted: readonly string[];
  /** The threads that could not be read: they do not exist, or the request failed. */
  readonly unreadable: Readonly<Record<string, "missing" | "failed">>;
}
