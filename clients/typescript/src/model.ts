/**
 * What a user interface knows, as values that are replaced and never changed.
 *
 * `ChatState` is folded from snapshots and events (`state.ts`); two states share what did not change,
 * so that a view can compare parts of them by identity. This module has no code.
 */
import type { JournalEvent } from "./protocol.ts";

/** Things by their ids; a value, too. */
export type Table<T> = Pick<ReadonlyMap<string, T>, "get" | "size" | "values">;

/** How a run stands; the last three are final. */
export type RunStatus = "queued" | "running" | "waiting" | "completed" | "failed" | "cancelled";

export interface TextStep {
  readonly kind: "text";
  readonly text: string;
  /** Seconds since the epoch; null where it was not streamed. */
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
  /** A JSON Schema of the value, or null for any text. */
  readonly schema: Record<string, unknown> | null;
  readonly expiresAt: number;
  readonly status: "open" | "answered" | "abandoned";
  readonly value: unknown;
}

export type Step = TextStep | ThinkingStep | ToolStep | InputStep;

export interface Message {
  readonly content: string;
  readonly timestamp: number;
  readonly clientMessageId: string;
}

/** A message with everything that answered it. */
export interface RunView {
  readonly id: string;
  readonly message: Message | null;
  readonly status: RunStatus;
  /** How many runs are ahead of a queued one, from 1. */
  readonly position: number;
  readonly agent: string;
  /** From 1; above 1 the run was taken over, and what earlier attempts streamed is gone. */
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
  /** All events of the thread up to this seq are in here. */
  readonly upTo: number;
  /** All of them after this seq, too: where the oldest message that was read begins. */
  readonly from: number;
  /** Where the next page of older messages begins; null when all are here. */
  readonly before: string | null;
  /** Whether there are older messages that were not read. */
  readonly hasEarlier: boolean;
  /** Ids of runs, the oldest first. */
  readonly order: readonly string[];
  readonly runs: Table<RunView>;
}

export interface ThreadView {
  readonly id: string;
  readonly title: string | null;
  /** The seq of the event that gave title and metadata; 0 when a snapshot did. */
  readonly titleSeq: number;
  readonly preview: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The seq of what moved it to the top of the list last. */
  readonly order: number;
  readonly updatedAt: number;
  /** How the runs stand that have not ended. */
  readonly active: Readonly<Record<string, RunStatus>>;
  /** The seq of what changed `active` last; 0 when a snapshot told of it. */
  readonly activeSeq: number;
  /** Whether more is known of it than what some events told; else it is being read. */
  readonly isKnown: boolean;
  /** Null until the thread is opened. */
  readonly history: History | null;
  /** Events that wait until the history has been read; null while nobody reads it. */
  readonly waiting: readonly JournalEvent[] | null;
  /** Whether the history has to be read again. */
  readonly hasGap: boolean;
}

export interface ChatState {
  readonly user: string | null;
  /** The cursor: all events up to `seq` of this feed are in here. */
  readonly feed: string | null;
  readonly seq: number | null;
  readonly at: number | null;
  readonly threads: Table<ThreadView>;
  /** Ids of all threads, the one with the latest message or answer first. */
  readonly recent: readonly string[];
  /** Where the next page of older threads begins; null when all are here. */
  readonly olderThreads: string | null;
  /** The threads that were deleted last, so that an answer from before brings none of them back. */
  readonly deleted: readonly string[];
  /** Threads that could not be read: because there are none, or for another reason. */
  readonly unreadable: Readonly<Record<string, "missing" | "failed">>;
}

/**
 * What is wrong though there is a connection: `unanswered` (a sign of life that was asked for is
 * late), or why the server cannot store anything (`unavailable`, `storage_full`, `unknown_outcome`).
 */
export interface Trouble {
  readonly code: string;
  readonly reason: string;
}

/**
 * How the connection is. Times are milliseconds since the epoch; `code` is a row of the server's
 * error table, or empty, and `reason` says it for people.
 */
export type Status =
  | { readonly phase: "connecting"; readonly attempt: number }
  /** `left` events are still to come. */
  | { readonly phase: "catching_up"; readonly left: number }
  | {
      readonly phase: "live";
      readonly transport: "websocket" | "sse";
      readonly trouble?: Trouble;
    }
  | {
      readonly phase: "waiting";
      readonly untilMs: number;
      readonly code: string;
      readonly reason: string;
    }
  /** The device has no network; it tries again when there is one. */
  | { readonly phase: "offline"; readonly untilMs: number }
  /** Another attempt would do no better. */
  | { readonly phase: "stopped"; readonly code: string; readonly reason: string }
  | { readonly phase: "signed_out"; readonly code: string; readonly reason: string };

/** What was asked for and is not yet in the journal. */
export interface OutboxEntry {
  readonly kind: "message" | "answer" | "cancel";
  /** The `client_message_id` of a message; unique among entries. */
  readonly key: string;
  readonly status: "waiting" | "sending" | "accepted" | "refused";
  /** Why the server refused it. */
  readonly error: string | null;
  /** The thread that it goes to; null for a new one, which `draft` then names. */
  readonly thread: string | null;
  /** Names the thread that its first message will make. */
  readonly draft: string | null;
  readonly content: string;
  readonly runId: string | null;
  readonly inputId: string | null;
  readonly value: unknown;
  /** When it was asked for, in seconds since the epoch. */
  readonly createdAt: number;
}
