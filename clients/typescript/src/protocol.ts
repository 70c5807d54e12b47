/**
 * What goes over the wire: events, commands, HTTP bodies and error codes.
 *
 * Written by scripts/reference from the server's definitions.
 */

/** The run was ended on purpose. */
export interface AgentCancelled {
  readonly reason: string;
  readonly created_at?: number;
}

export interface AgentCancelledEvent {
  readonly event_type: "agent_cancelled";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: AgentCancelled;
  readonly thread_id?: string;
  readonly run_id?: string;
  readonly seq: number;
}

/** The run ended with this whole answer. */
export interface AgentCompleted {
  readonly content: string;
  readonly duration_ms: number;
  readonly usage?: unknown;
  readonly created_at?: number;
}

export interface AgentCompletedEvent {
  readonly event_type: "agent_completed";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: AgentCompleted;
  readonly thread_id?: string;
  readonly run_id?: string;
  readonly seq: number;
}

/** The next piece of the answer; it has no other field, because pieces are joined. */
export interface AgentDelta {
  readonly text: string;
}

export interface AgentDeltaEvent {
  readonly event_type: "agent_delta";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: AgentDelta;
  readonly thread_id?: string;
  readonly run_id?: string;
  readonly seq: number;
  readonly first_seq?: number;
}

/** The run ended without an answer; `code` is a row of the error table. */
export interface AgentFailed {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly created_at?: number;
}

export interface AgentFailedEvent {
  readonly event_type: "agent_failed";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: AgentFailed;
  readonly thread_id?: string;
  readonly run_id?: string;
  readonly seq: number;
}

/** An attempt began; what an earlier attempt streamed is void from here. Attempts start at 1. */
export interface AgentStarted {
  readonly agent: string;
  readonly attempt: number;
  readonly created_at?: number;
}

export interface AgentStartedEvent {
  readonly event_type: "agent_started";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: AgentStarted;
  readonly thread_id?: string;
  readonly run_id?: string;
  readonly seq: number;
}

/** A piece of the agent's reasoning. */
export interface AgentThinking {
  readonly text: string;
  readonly created_at?: number;
}

export interface AgentThinkingEvent {
  readonly event_type: "agent_thinking";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: AgentThinking;
  readonly thread_id?: string;
  readonly run_id?: string;
  readonly seq: number;
}

/** Set the connection's cursor and receive events from there on. */
export interface Attach {
  readonly command: "attach";
  /** The protocol version. */
  readonly version?: 1;
  /** The client's own; the answer carries it. Reusable once it was answered. */
  readonly id: string;
  readonly after?: number | null;
  readonly feed?: string | null;
  readonly at?: number | null;
  readonly thread_id?: string | null;
}

/** `attached` follows. */
export interface AttachAccepted {
  readonly command: "attach";
  readonly id: string;
}

/** Where events now start; with `reset`, the reader must read its snapshots again. */
export interface Attached {
  /** The last seq that the reader has; 0 reads from the beginning. */
  readonly after: number;
  /** The last seq; 0 for an empty journal. */
  readonly head: number;
  readonly reset: boolean;
  readonly feed: string | null;
  readonly reason?: "cursor_ahead" | "diverged" | "new_feed" | "trimmed" | null;
  readonly thread_id?: string | null;
}

export interface AttachedEvent {
  readonly event_type: "attached";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: Attached;
}

/** Present a credential, first or again; the user stays the same. */
export interface Authenticate {
  readonly command: "authenticate";
  /** The protocol version. */
  readonly version?: 1;
  /** The client's own; the answer carries it. Reusable once it was answered. */
  readonly id: string;
  /** A JWT. */
  readonly token: string;
}

/** The credential is in force from now on. */
export interface AuthenticateAccepted {
  readonly command: "authenticate";
  readonly id: string;
  readonly user_id: string;
  readonly expires_at: number | null;
}

/** Cancel a run. */
export interface CancelRun {
  readonly command: "cancel_run";
  /** The protocol version. */
  readonly version?: 1;
  /** The client's own; the answer carries it. Reusable once it was answered. */
  readonly id: string;
  /** A run id, `run_<operation>_<ms>_<counter>_<hex8>`. */
  readonly run_id: string;
}

/** The run has ended or will; `status` is where it is now. */
export interface CancelRunAccepted {
  readonly command: "cancel_run";
  readonly id: string;
  /** A run id, `run_<operation>_<ms>_<counter>_<hex8>`. */
  readonly run_id: string;
  readonly status: RunStatus;
}

/** All events up to `seq` were sent; what follows is live. */
export interface CaughtUp {
  /** The last seq; 0 for an empty journal. */
  readonly seq: number;
}

export interface CaughtUpEvent {
  readonly event_type: "caught_up";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: CaughtUp;
}

export interface CommandAcceptedEvent {
  readonly event_type: "command_accepted";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data:
    | AuthenticateAccepted
    | AttachAccepted
    | CreateThreadAccepted
    | SendMessageAccepted
    | CancelRunAccepted
    | RespondAccepted
    | PingAccepted;
}

/** The command had no effect, unless the code is `unknown_outcome`. */
export interface CommandRejectedData {
  readonly id: string | null;
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly retry_after_ms?: number | null;
  readonly request_id?: string | null;
}

export interface CommandRejectedEvent {
  readonly event_type: "command_rejected";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: CommandRejectedData;
}

/** A live connection of the user, and the node that it is on. */
export interface Connection {
  readonly connection_id: string;
  readonly node_id: string;
  readonly kind: "sse" | "websocket";
  /** Seconds since the epoch. */
  readonly opened_at: number;
}

/** The connection ends with close code `code`; `error` is a row of the error table. */
export interface ConnectionClosing {
  readonly code: number;
  readonly reason: string;
  readonly error: ErrorCode;
  readonly reconnect: boolean;
  readonly retry_after_ms?: number | null;
  readonly request_id?: string | null;
}

export interface ConnectionClosingEvent {
  readonly event_type: "connection_closing";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: ConnectionClosing;
}

/** The user's live connections, oldest first. */
export interface ConnectionList {
  readonly connections: readonly Connection[];
}

/** Authentication succeeded; `feed` is null while the user has no journal yet. */
export interface ConnectionReady {
  readonly connection_id: string;
  readonly feed: string | null;
  /** The last seq; 0 for an empty journal. */
  readonly head: number;
  readonly heartbeat_s: number;
  readonly expires_at: number | null;
  readonly limits: Limits;
  readonly server: Server;
}

export interface ConnectionReadyEvent {
  readonly event_type: "connection_ready";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: ConnectionReady;
}

/** Create an empty thread. */
export interface CreateThread {
  readonly command: "create_thread";
  /** The protocol version. */
  readonly version?: 1;
  /** The client's own; the answer carries it. Reusable once it was answered. */
  readonly id: string;
  readonly title?: string | null;
  /** The client's own data; at most 16 KiB as JSON, no key `__proto__` anywhere. */
  readonly metadata?: Record<string, unknown>;
}

/** The thread exists; `seq` is that of `thread_created`. */
export interface CreateThreadAccepted {
  readonly command: "create_thread";
  readonly id: string;
  /** A thread id, `thread_<operation>_<ms>_<counter>_<hex8>`. */
  readonly thread_id: string;
  /** A place in the user's journal. */
  readonly seq: number;
}

/** A new thread. */
export interface CreateThreadBody {
  readonly title?: string | null;
  /** The client's own data; at most 16 KiB as JSON, no key `__proto__` anywhere. */
  readonly metadata?: Record<string, unknown>;
}

export type KnownErrorCode =
  | "bad_json"
  | "too_deep"
  | "bad_message"
  | "binary_not_supported"
  | "bad_field"
  | "bad_string"
  | "bad_metadata"
  | "bad_id"
  | "bad_cursor"
  | "trimmed"
  | "bad_limit"
  | "bad_page_token"
  | "bad_query"
  | "bad_host"
  | "bad_request"
  | "bad_ws_key"
  | "bad_subprotocol"
  | "bad_idempotency_key"
  | "empty"
  | "too_long"
  | "unknown_command"
  | "unknown_agent"
  | "duplicate_id"
  | "unsupported_version"
  | "upgrade_required"
  | "method_not_allowed"
  | "unsupported_media_type"
  | "content_encoding_not_supported"
  | "body_too_large"
  | "headers_too_large"
  | "uri_too_long"
  | "request_timeout"
  | "not_authenticated"
  | "token_invalid"
  | "token_expired"
  | "token_not_yet_valid"
  | "token_too_large"
  | "token_in_url"
  | "revoked"
  | "keys_unavailable"
  | "identity_change"
  | "origin_not_allowed"
  | "host_not_allowed"
  | "wrong_role"
  | "forbidden"
  | "authentication_timeout"
  | "rate_limited"
  | "too_many_errors"
  | "too_many_connections"
  | "too_many_runs"
  | "evicted"
  | "forced_close"
  | "stalled"
  | "overloaded"
  | "shutting_down"
  | "not_found"
  | "legacy_id"
  | "run_active"
  | "run_finished"
  | "out_of_order"
  | "fenced"
  | "already_answered"
  | "expired"
  | "idempotency_conflict"
  | "agent_error"
  | "bad_agent_output"
  | "timed_out"
  | "node_lost"
  | "model_error"
  | "unavailable"
  | "storage_full"
  | "unknown_outcome"
  | "internal";

/** Stable. New codes may be added; treat an unknown one by its status. */
export type ErrorCode = KnownErrorCode | (string & {});

/** A thread's events after a cursor, in order. */
export interface EventPage {
  /** The journal's last seq when this was true. */
  readonly seq: number;
  readonly trimmed: number;
  readonly events: readonly JournalEvent[];
  readonly next: number | null;
}

/** The process is alive. */
export interface Health {
  readonly status: "ok";
}

/** The results by index; `stopped` says whether some events were not processed. */
export interface IngestAnswer {
  readonly stored: number;
  readonly duplicates: number;
  readonly refused: number;
  readonly stopped: IngestStop | null;
  readonly results: readonly IngestResult[];
}

/** Events of another service, in order, canonical or of an older shape. */
export interface IngestBody {
  readonly events: readonly Record<string, unknown>[];
}

/** The result for one event; `index` is its place in the request, from 0. */
export interface IngestResult {
  readonly index: number;
  readonly outcome: "duplicate" | "refused" | "stored";
  /** A place in the user's journal. */
  readonly seq?: number;
  readonly code?: ErrorCode;
  readonly message?: string;
}

/** Why the request was stopped early: send the events from `index` on again. */
export interface IngestStop {
  readonly index: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly retry_after_ms?: number;
}

/** A question of a run; `value` is null until it is answered. */
export interface Input {
  /** An input id, `input_<ms>_<counter>_<hex8>`, from `input_requested`. */
  readonly input_id: string;
  readonly prompt: string;
  /** Seconds since the epoch. */
  readonly expires_at: number;
  readonly answered: boolean;
  readonly value: unknown;
}

/** A person answered. */
export interface InputReceived {
  readonly input_id: string;
  readonly value: unknown;
  readonly created_at?: number;
}

export interface InputReceivedEvent {
  readonly event_type: "input_received";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: InputReceived;
  readonly thread_id?: string;
  readonly run_id?: string;
  readonly seq: number;
}

/** The agent waits for a person; `schema` is a JSON Schema of the expected value. */
export interface InputRequested {
  readonly input_id: string;
  readonly prompt: string;
  readonly expires_at: number;
  readonly schema?: unknown;
  readonly created_at?: number;
}

export interface InputRequestedEvent {
  readonly event_type: "input_requested";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: InputRequested;
  readonly thread_id?: string;
  readonly run_id?: string;
  readonly seq: number;
}

export type JournalEvent =
  | ThreadCreatedEvent
  | ThreadUpdatedEvent
  | ThreadDeletedEvent
  | MessageCreatedEvent
  | RunQueuedEvent
  | AgentStartedEvent
  | AgentThinkingEvent
  | AgentDeltaEvent
  | ToolExecutingEvent
  | ToolCompletedEvent
  | InputRequestedEvent
  | InputReceivedEvent
  | AgentCompletedEvent
  | AgentFailedEvent
  | AgentCancelledEvent;

/** The limits of this connection. */
export interface Limits {
  readonly message_max_bytes: number;
  readonly commands_per_s: number;
  readonly commands_burst: number;
  readonly commands_in_flight_max: number;
  readonly max_connections: number;
}

/** A message or an answer; `seq` is that of its event. */
export interface Message {
  /** A place in the user's journal. */
  readonly seq: number;
  readonly role: "assistant" | "user";
  readonly content: string;
  /** A run id, `run_<operation>_<ms>_<counter>_<hex8>`. */
  readonly run_id: string;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}

/** A message is stored and its run will answer; `seq` is that of `message_created`. */
export interface MessageAcceptedAnswer {
  /** A thread id, `thread_<operation>_<ms>_<counter>_<hex8>`. */
  readonly thread_id: string;
  /** A run id, `run_<operation>_<ms>_<counter>_<hex8>`. */
  readonly run_id: string;
  /** A place in the user's journal. */
  readonly seq: number;
  readonly duplicate: boolean;
}

/** A person's message was accepted. */
export interface MessageCreated {
  readonly role: string;
  readonly content: string;
  readonly client_message_id: string;
  readonly created_at?: number;
}

export interface MessageCreatedEvent {
  readonly event_type: "message_created";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: MessageCreated;
  readonly thread_id?: string;
  readonly run_id?: string;
  readonly seq: number;
}

/** A thread's latest messages and answers, oldest first; `thread_id` is its current id. */
export interface MessagePage {
  /** The journal's last seq when this was true. */
  readonly seq: number;
  readonly messages: readonly Message[];
  readonly next: string | null;
  readonly thread_id: string | null;
}

/** Ask for the server's time. */
export interface Ping {
  readonly command: "ping";
  /** The protocol version. */
  readonly version?: 1;
  /** The client's own; the answer carries it. Reusable once it was answered. */
  readonly id: string;
}

/** The server's time. */
export interface PingAccepted {
  readonly command: "ping";
  readonly id: string;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}

/** A problem document (RFC 9457). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly retryable: boolean;
  readonly retry_after_ms?: number;
  /** A request id, `req_<operation>_<ms>_<counter>_<hex8>`. */
  readonly request_id?: string;
}

/** Whether the node takes work: */
export interface Readiness {
  readonly status: "degraded" | "not_ready" | "ready";
  readonly role: "all" | "gateway" | "worker";
  readonly checks: Readonly<Record<string, string>>;
}

/** Answer a run's question. */
export interface Respond {
  readonly command: "respond";
  /** The protocol version. */
  readonly version?: 1;
  /** The client's own; the answer carries it. Reusable once it was answered. */
  readonly id: string;
  /** A run id, `run_<operation>_<ms>_<counter>_<hex8>`. */
  readonly run_id: string;
  /** An input id, `input_<ms>_<counter>_<hex8>`, from `input_requested`. */
  readonly input_id: string;
  /** Any JSON, at most 64 KiB. */
  readonly value: unknown;
}

/** The answer is stored; `seq` is that of `input_received`. */
export interface RespondAccepted {
  readonly command: "respond";
  readonly id: string;
  /** A run id, `run_<operation>_<ms>_<counter>_<hex8>`. */
  readonly run_id: string;
  /** A place in the user's journal. */
  readonly seq: number;
}

/** The answer to a run's question. */
export interface RespondBody {
  /** An input id, `input_<ms>_<counter>_<hex8>`, from `input_requested`. */
  readonly input_id: string;
  /** Any JSON, at most 64 KiB. */
  readonly value: unknown;
}

/** What to revoke: one token, or without one all tokens issued until now. */
export interface RevokeSessionsBody {
  readonly token_id?: string | null;
  readonly token_expires_at?: number | null;
}

/** One execution of an agent; `message_seq` is the seq of the message that started it. */
export interface Run {
  /** A run id, `run_<operation>_<ms>_<counter>_<hex8>`. */
  readonly run_id: string;
  /** A thread id, `thread_<operation>_<ms>_<counter>_<hex8>`. */
  readonly thread_id: string;
  readonly agent: string;
  readonly status: RunStatus;
  readonly attempt: number;
  /** A place in the user's journal. */
  readonly message_seq: number;
  /** Seconds since the epoch. */
  readonly created_at: number;
  readonly started_at: number | null;
  readonly ended_at: number | null;
}

/** A run after a command; `seq` is that of the event it caused, null if none. */
export interface RunAnswer {
  /** A run id, `run_<operation>_<ms>_<counter>_<hex8>`. */
  readonly run_id: string;
  readonly status: RunStatus;
  readonly seq: number | null;
}

/** The run waits behind others; `position` counts those ahead of it, from 1. */
export interface RunQueued {
  readonly agent: string;
  readonly position: number;
  readonly created_at?: number;
}

export interface RunQueuedEvent {
  readonly event_type: "run_queued";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: RunQueued;
  readonly thread_id?: string;
  readonly run_id?: string;
  readonly seq: number;
}

/** One run, and its questions in the order of asking. */
export interface RunSnapshot {
  /** The journal's last seq when this was true. */
  readonly seq: number;
  readonly run: Run;
  readonly inputs: readonly Input[];
}

/** The status of a run. */
export type RunStatus = "cancelled" | "completed" | "failed" | "queued" | "running" | "waiting";

/** Store a message and start a run that answers it; without a thread, in a new one. */
export interface SendMessage {
  readonly command: "send_message";
  /** The protocol version. */
  readonly version?: 1;
  /** The client's own; the answer carries it. Reusable once it was answered. */
  readonly id: string;
  /** The text, kept as it is. */
  readonly content: string;
  /** The client's own name for this message; sending it again is safe for ever. */
  readonly client_message_id: string;
  readonly thread_id?: string | null;
  readonly agent?: string | null;
  /** What to do when a run of the thread has not ended. */
  readonly on_busy?: "interrupt" | "queue" | "reject";
  /** What becomes of the run when the user's last connection ends. */
  readonly on_disconnect?: "cancel" | "continue";
}

/** The message is stored; `seq` is that of `message_created`. */
export interface SendMessageAccepted {
  readonly command: "send_message";
  readonly id: string;
  /** A thread id, `thread_<operation>_<ms>_<counter>_<hex8>`. */
  readonly thread_id: string;
  /** A run id, `run_<operation>_<ms>_<counter>_<hex8>`. */
  readonly run_id: string;
  /** A place in the user's journal. */
  readonly seq: number;
  readonly duplicate: boolean;
}

/** A message; the `Idempotency-Key` header may stand in for `client_message_id`. */
export interface SendMessageBody {
  /** The text, kept as it is. */
  readonly content: string;
  readonly client_message_id?: string | null;
  readonly agent?: string | null;
  /** What to do when a run of the thread has not ended. */
  readonly on_busy?: "interrupt" | "queue" | "reject";
  /** What becomes of the run when the user's last connection ends. */
  readonly on_disconnect?: "cancel" | "continue";
}

/** The server's version and the node's id. */
export interface Server {
  readonly name: string;
  readonly version: string;
  readonly node: string;
}

/** A thread. `preview` may stand in for a title. */
export interface Thread {
  /** A thread id, `thread_<operation>_<ms>_<counter>_<hex8>`. */
  readonly thread_id: string;
  readonly title: string | null;
  readonly preview: string | null;
  readonly metadata: Record<string, unknown>;
  /** Seconds since the epoch. */
  readonly created_at: number;
  /** Seconds since the epoch. */
  readonly updated_at: number;
  /** A place in the user's journal. */
  readonly last_seq: number;
  readonly live_runs?: readonly ThreadRun[];
}

/** A thread was created, updated or deleted by the event at `seq`. */
export interface ThreadAnswer {
  /** A thread id, `thread_<operation>_<ms>_<counter>_<hex8>`. */
  readonly thread_id: string;
  /** A place in the user's journal. */
  readonly seq: number;
}

export interface ThreadCreatedEvent {
  readonly event_type: "thread_created";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: ThreadData;
  readonly thread_id?: string;
  readonly run_id?: string;
  readonly seq: number;
}

/** Data of `thread_created` and `thread_updated`. */
export interface ThreadData {
  readonly title: string | null;
  readonly metadata: Record<string, unknown>;
  readonly created_at?: number;
}

/** The thread was deleted; empty, because deleted content is not repeated. */
export type ThreadDeleted = Record<string, never>;

export interface ThreadDeletedEvent {
  readonly event_type: "thread_deleted";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: ThreadDeleted;
  readonly thread_id?: string;
  readonly run_id?: string;
  readonly seq: number;
}

/** Threads by `last_seq`, the latest first. */
export interface ThreadPage {
  /** The journal's last seq when this was true. */
  readonly seq: number;
  readonly threads: readonly Thread[];
  readonly next: string | null;
}

/** A run that has not ended; one that is `waiting` asks the user something. */
export interface ThreadRun {
  /** A run id, `run_<operation>_<ms>_<counter>_<hex8>`. */
  readonly run_id: string;
  readonly status: RunStatus;
}

/** One thread. */
export interface ThreadSnapshot {
  /** The journal's last seq when this was true. */
  readonly seq: number;
  readonly thread: Thread;
}

export interface ThreadUpdatedEvent {
  readonly event_type: "thread_updated";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: ThreadData;
  readonly thread_id?: string;
  readonly run_id?: string;
  readonly seq: number;
}

/** A tool call ended, well or badly. */
export interface ToolCompleted {
  readonly tool_call_id: string;
  readonly tool: string;
  readonly result: unknown;
  readonly is_error: boolean;
  readonly duration_ms: number;
  readonly created_at?: number;
}

export interface ToolCompletedEvent {
  readonly event_type: "tool_completed";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: ToolCompleted;
  readonly thread_id?: string;
  readonly run_id?: string;
  readonly seq: number;
}

/** A tool call began. */
export interface ToolExecuting {
  readonly tool_call_id: string;
  readonly tool: string;
  readonly arguments: unknown;
  readonly created_at?: number;
}

export interface ToolExecutingEvent {
  readonly event_type: "tool_executing";
  readonly timestamp: number;
  readonly user_id: string;
  readonly data: ToolExecuting;
  readonly thread_id?: string;
  readonly run_id?: string;
  readonly seq: number;
}

/** The changes; absent or null fields stay as they are. Metadata is replaced as a whole. */
export interface UpdateThreadBody {
  readonly title?: string | null;
  readonly metadata?: Record<string, unknown> | null;
}

export type Command =
  | Authenticate
  | Attach
  | CreateThread
  | SendMessage
  | CancelRun
  | Respond
  | Ping;

export type ConnectionEvent =
  | ConnectionReadyEvent
  | AttachedEvent
  | CaughtUpEvent
  | CommandAcceptedEvent
  | CommandRejectedEvent
  | ConnectionClosingEvent;

/** The data of `command_accepted`. */
export type CommandAccepted = CommandAcceptedEvent["data"];

/** What the server answers to the command with this name. */
export type AnswerOf<Name extends Command["command"]> = Extract<
  CommandAccepted,
  { readonly command: Name }
>;
