/**
 * What the operator's console asks and is answered.
 *
 * Written by scripts/reference from the server's definitions.
 */

/** Something that an operator did. */
export interface Action {
  readonly action_id: string;
  /** Seconds since the epoch. */
  readonly at: number;
  readonly operator: string;
  readonly action: "cancel_run" | "disconnect" | "drain_node" | "sign_out";
  readonly target: string;
  readonly user: string | null;
  readonly reason: string | null;
  readonly outcome: "begun" | "done" | "failed";
  readonly detail: string | null;
  readonly node_id: string;
  /** A request id, `req_<operation>_<ms>_<counter>_<hex8>`. */
  readonly request_id: string;
}

/** Operators' actions, the latest first; kept for 400 days, at most 1,000,000 of them. */
export interface ActionPage {
  readonly actions: readonly Action[];
  readonly next: string | null;
}

/** Cancel a run of any user; `confirm` is the run's id. */
export interface CancelRunBody {
  /** A run id, `run_<operation>_<ms>_<counter>_<hex8>`. */
  readonly run_id: string;
  /** The target once more, word for word: what is named most closely. */
  readonly confirm: string;
  readonly reason?: string | null;
}

/** Figures over living nodes, at the end of each step; null while unknown. */
export interface ClusterColumns {
  readonly nodes: readonly (number | null)[];
  readonly connections: readonly (number | null)[];
  readonly users: readonly (number | null)[];
  readonly lagging: readonly (number | null)[];
  readonly runs: readonly (number | null)[];
  readonly events_in_per_s: readonly (number | null)[];
  readonly events_out_per_s: readonly (number | null)[];
  readonly commits_per_s: readonly (number | null)[];
  readonly commit_events_p50: readonly (number | null)[];
  readonly commit_events_p99: readonly (number | null)[];
  readonly commit_ms_p50: readonly (number | null)[];
  readonly commit_ms_p99: readonly (number | null)[];
  readonly send_ms_p50: readonly (number | null)[];
  readonly send_ms_p99: readonly (number | null)[];
  readonly send_ms_p999: readonly (number | null)[];
  readonly refusals_per_s: readonly (number | null)[];
  readonly runs_failed_per_s: readonly (number | null)[];
  readonly loop_lag_ms: readonly (number | null)[];
  readonly database_ping_ms: readonly (number | null)[];
  readonly bus_ping_ms: readonly (number | null)[];
  readonly runs_queued: readonly (number | null)[];
  readonly runs_running: readonly (number | null)[];
  readonly runs_waiting: readonly (number | null)[];
}

/** How often something was refused, or failed, with one error code. */
export interface CodeCount {
  readonly code: string;
  readonly total: number;
  readonly recent: number;
  /** Seconds since the epoch. */
  readonly last_at: number;
}

/** Results of the consistency tracker. */
export interface ConsistencyFigures {
  readonly on: boolean;
  readonly snapshots: number;
  readonly violations: number;
  readonly score: number | null;
  readonly violated_at: number | null;
}

/** A live connection of a user. */
export interface Device {
  readonly connection_id: string;
  readonly node_id: string;
  readonly kind: "sse" | "websocket";
  /** Seconds since the epoch. */
  readonly opened_at: number;
  readonly agent: string | null;
  readonly cursor: number | null;
  readonly lag_events: number | null;
  readonly live: boolean | null;
  readonly said_at: number | null;
}

/** Close a user's connections, or one; `confirm` is the connection's id, else the user's. */
export interface DisconnectBody {
  readonly user: string;
  readonly connection_id?: string | null;
  /** The target once more, word for word: what is named most closely. */
  readonly confirm: string;
  readonly reason?: string | null;
}

/** Drain a node: hand over its runs and disconnect its clients; `confirm` is the node's id. */
export interface DrainNodeBody {
  readonly node_id: string;
  /** The target once more, word for word: what is named most closely. */
  readonly confirm: string;
  readonly reason?: string | null;
}

/** A run that ended as failed, and the node that says so. */
export interface FailedAnywhere {
  readonly run_id: string;
  readonly user: string;
  readonly agent: string;
  readonly code: string;
  /** Seconds since the epoch. */
  readonly at: number;
  readonly node_id: string;
}

/** A run that ended as failed. */
export interface FailedRun {
  readonly run_id: string;
  readonly user: string;
  readonly agent: string;
  readonly code: string;
  /** Seconds since the epoch. */
  readonly at: number;
}

/** The user to look up; in a body, because no user id may appear in a URL. */
export interface FindUserBody {
  readonly user: string;
}

/** A rule that fires, on which node, and what it means. */
export interface FiringAlert {
  readonly rule: string;
  readonly severity: "critical" | "high" | "medium";
  readonly since: number | null;
  readonly value: number | null;
  readonly threshold: number;
  readonly last_at: number | null;
  readonly node_id: string;
  readonly unit: "count" | "per_minute" | "seconds" | "share";
  readonly good: "at_least" | "at_most";
  readonly faults: string;
  readonly looks_back_s: number | null;
  readonly summary: string;
  readonly was: string;
  readonly meaning: string;
  readonly advice: string;
}

/** A rule that fires on a node; values are in the rule's unit. */
export interface FiringRule {
  readonly rule: string;
  readonly severity: "critical" | "high" | "medium";
  readonly since: number | null;
  readonly value: number | null;
  readonly threshold: number;
  readonly last_at: number | null;
}

/** A run of any user in the store. */
export interface FoundRun {
  readonly user: string;
  readonly run: RunLine;
  /** A place in the user's journal. */
  readonly message_seq: number;
  readonly fence: number;
  readonly lease_left_s: number | null;
  readonly cancel_reason: string | null;
  readonly on_crash: string;
  readonly on_disconnect: "cancel" | "continue";
  readonly handed_over: number;
  /** The journal's last seq when this was true. */
  readonly head: number;
}

/** A user in the store. */
export interface FoundUser {
  readonly user: string;
  readonly feed: string;
  readonly head: number;
  readonly trimmed: number;
  readonly threads: number;
  readonly runs: number;
  readonly signed_out_at: number | null;
  readonly devices: readonly Device[];
  readonly active: readonly RunLine[];
  readonly ended: readonly RunLine[];
}

/** A connection that fell behind, and the node that has it. */
export interface LaggingAnywhere {
  readonly user: string;
  readonly connection_id: string;
  readonly lag_events: number;
  /** Seconds since the epoch. */
  readonly since: number;
  readonly node_id: string;
}

/** A connection that was live and fell behind its journal. */
export interface LaggingReader {
  readonly user: string;
  readonly connection_id: string;
  readonly lag_events: number;
  /** Seconds since the epoch. */
  readonly since: number;
}

/** A run that has not ended, and its user. */
export interface LiveRun {
  /** A run id, `run_<operation>_<ms>_<counter>_<hex8>`. */
  readonly run_id: string;
  /** A thread id, `thread_<operation>_<ms>_<counter>_<hex8>`. */
  readonly thread_id: string;
  readonly agent: string;
  readonly status: RunStatus;
  readonly attempt: number;
  readonly owner: string | null;
  /** Seconds since the epoch. */
  readonly created_at: number;
  readonly started_at: number | null;
  readonly ended_at: number | null;
  readonly user: string;
}

/** Runs of all users that have not ended, oldest first. */
export interface LiveRuns {
  readonly runs: readonly LiveRun[];
}

/** One node's figures, one value per step: times in milliseconds, rates per second. */
export interface NodeColumns {
  readonly connections: readonly (number | null)[];
  readonly users: readonly (number | null)[];
  readonly lagging: readonly (number | null)[];
  readonly runs: readonly (number | null)[];
  readonly queued_units: readonly (number | null)[];
  readonly events_in_per_s: readonly (number | null)[];
  readonly events_out_per_s: readonly (number | null)[];
  readonly commits_per_s: readonly (number | null)[];
  readonly commit_events_p50: readonly (number | null)[];
  readonly commit_events_p99: readonly (number | null)[];
  readonly commit_ms_p50: readonly (number | null)[];
  readonly commit_ms_p99: readonly (number | null)[];
  readonly send_ms_p50: readonly (number | null)[];
  readonly send_ms_p99: readonly (number | null)[];
  readonly send_ms_p999: readonly (number | null)[];
  readonly loop_lag_ms: readonly (number | null)[];
  readonly database_ping_ms: readonly (number | null)[];
  readonly bus_ping_ms: readonly (number | null)[];
  readonly connects_per_s: readonly (number | null)[];
  readonly resumes_per_s: readonly (number | null)[];
  readonly refusals_per_s: readonly (number | null)[];
  readonly take_overs: readonly (number | null)[];
  readonly foreign_deliveries: readonly (number | null)[];
  readonly id_violations: readonly (number | null)[];
  readonly runs_ended_per_s: readonly (number | null)[];
  readonly runs_failed_per_s: readonly (number | null)[];
}

/** A node in the store, with its last summary. */
export interface NodeOverview {
  readonly node_id: string;
  readonly version: string;
  readonly role: string;
  readonly alive: boolean;
  readonly known: boolean;
  readonly age_s: number;
  readonly joined_s: number | null;
  readonly lease_left_s: number | null;
  readonly summary: NodeSummary | null;
}

/** A node's summary, stored with each renewal of its lease. Rates are those of its last step. */
export interface NodeSummary {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly connections: number;
  readonly users: number;
  readonly lagging: number;
  readonly lagging_readers: readonly LaggingReader[];
  readonly oldest_catch_up_s: number;
  readonly runs: number;
  readonly draining: boolean;
  readonly drained: boolean;
  readonly database: PartHealth;
  readonly bus: PartHealth | null;
  readonly loop_lag_ms: number;
  readonly events_in_per_s: number;
  readonly events_out_per_s: number;
  readonly commits_per_s: number;
  readonly commit_ms_p50: number | null;
  readonly commit_ms_p99: number | null;
  readonly send_ms_p99: number | null;
  readonly safety: SafetyFigures;
  readonly take_overs: TakeOverFigures;
  readonly refusals: readonly CodeCount[];
  readonly firing: readonly FiringRule[];
  readonly told: readonly ToldRule[];
  readonly age_s: number | null;
  readonly failures: readonly CodeCount[];
  readonly failed_runs: readonly FailedRun[];
}

/** The oldest run of a status, its user and when it was created. */
export interface OldestRun {
  readonly run_id: string;
  readonly user: string;
  /** Seconds since the epoch. */
  readonly created_at: number;
}

/** The present state of the cluster. */
export interface Overview {
  readonly node_id: string;
  /** Seconds since the epoch. */
  readonly at: number;
  /** Seconds since the epoch. */
  readonly since: number;
  readonly nodes: readonly NodeOverview[];
  readonly totals: Totals;
  readonly runs: RunsOverview | null;
  readonly safety: SafetyFigures;
  readonly refusals: readonly CodeCount[];
  readonly failures: readonly CodeCount[];
  readonly failed_runs: readonly FailedAnywhere[];
  readonly firing: readonly FiringAlert[];
  readonly told: readonly ToldAlert[];
  readonly lagging_readers: readonly LaggingAnywhere[];
  readonly past: readonly PastTrouble[];
  readonly database: PartHealth;
  readonly database_facts: Readonly<Record<string, string>>;
  readonly bus: PartHealth | null;
  readonly versions: Versions;
}

/** The database or the bus, as one node sees it. */
export interface PartHealth {
  readonly ok: boolean;
  /** Seconds since the epoch. */
  readonly since: number;
  readonly ping_ms: number | null;
}

/** A trouble that is over, as the answering node saw it. */
export interface PastTrouble {
  readonly kind: "behind" | "bus" | "database" | "held" | "lost" | "queued";
  readonly node_id: string | null;
  readonly users: number | null;
  readonly run_id: string | null;
  readonly user: string | null;
  /** Seconds since the epoch. */
  readonly began_at: number;
  /** Seconds since the epoch. */
  readonly ended_at: number;
  readonly place: string | null;
}

/** Queued runs that wait for the same thing. */
export interface QueuedRuns {
  readonly behind: "running" | "waiting" | null;
  readonly count: number;
  readonly oldest: OldestRun;
  /** Seconds since the epoch. */
  readonly since: number;
}

/** A run of a user, in short; `owner` is the node that executes it. */
export interface RunLine {
  /** A run id, `run_<operation>_<ms>_<counter>_<hex8>`. */
  readonly run_id: string;
  /** A thread id, `thread_<operation>_<ms>_<counter>_<hex8>`. */
  readonly thread_id: string;
  readonly agent: string;
  readonly status: RunStatus;
  readonly attempt: number;
  readonly owner: string | null;
  /** Seconds since the epoch. */
  readonly created_at: number;
  readonly started_at: number | null;
  readonly ended_at: number | null;
}

/** The status of a run. */
export type RunStatus = "cancelled" | "completed" | "failed" | "queued" | "running" | "waiting";

/** How many runs have this status, and the oldest of them (null for none). */
export interface RunStatusCount {
  readonly status: "queued" | "running" | "waiting";
  readonly count: number;
  readonly oldest: OldestRun | null;
}

/** Runs of all users that have not ended, from the store. */
export interface RunsOverview {
  readonly states: readonly RunStatusCount[];
  readonly queued: readonly QueuedRuns[];
  readonly complete: boolean;
  /** Seconds since the epoch. */
  readonly counted_at: number;
}

/** Figures that must be zero, since the nodes started. Times are null if it never happened. */
export interface SafetyFigures {
  readonly foreign_deliveries: number;
  readonly foreign_delivery_at: number | null;
  readonly id_checks: number;
  readonly id_violations: number;
  readonly id_violation_at: number | null;
  readonly consistency: ConsistencyFigures;
}

/** The last hour, oldest step first. A null in a column means that there was nothing to measure. */
export interface Series {
  readonly node_id: string;
  readonly of_node_id: string;
  readonly step_s: number;
  readonly at: readonly number[];
  readonly node: NodeColumns;
  readonly cluster: ClusterColumns;
}

/** Revoke a user's credentials that were issued until now; `confirm` is the user's id. */
export interface SignOutBody {
  readonly user: string;
  /** The target once more, word for word: what is named most closely. */
  readonly confirm: string;
  readonly reason?: string | null;
}

/** Runs of lost nodes that were taken over, since the nodes started. */
export interface TakeOverFigures {
  readonly requeued: number;
  readonly ended: number;
  readonly last_at: number | null;
}

/** A part of a run's events, in order. */
export interface Timeline {
  /** A run id, `run_<operation>_<ms>_<counter>_<hex8>`. */
  readonly run_id: string;
  /** The journal's last seq when this was true. */
  readonly seq: number;
  readonly content: boolean;
  readonly events: readonly TimelineEvent[];
  readonly next: number | null;
  readonly ended: boolean;
}

/** One event of a run. */
export interface TimelineEvent {
  /** A place in the user's journal. */
  readonly seq: number;
  /** Seconds since the epoch. */
  readonly timestamp: number;
  readonly event_type: string;
  readonly data: Record<string, unknown>;
  readonly left_out: Readonly<Record<string, number>>;
}

/** A notification, its node, and what was wrong while the rule fired. */
export interface ToldAlert {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly rule: string;
  readonly change: "firing" | "recovered" | "reminder";
  readonly value: number | null;
  readonly threshold: number;
  readonly began_at: number | null;
  readonly last_at: number | null;
  readonly node_id: string;
  readonly was: string;
}

/** A notification of a node about a rule. */
export interface ToldRule {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly rule: string;
  readonly change: "firing" | "recovered" | "reminder";
  readonly value: number | null;
  readonly threshold: number;
  readonly began_at: number | null;
  readonly last_at: number | null;
}

/** Sums over living nodes. */
export interface Totals {
  readonly nodes_alive: number;
  readonly nodes_lost: number;
  readonly connections: number;
  readonly users: number;
  readonly users_once: boolean;
  readonly lagging: number;
  readonly runs: number;
  readonly events_in_per_s: number;
  readonly events_out_per_s: number;
  readonly take_overs: TakeOverFigures;
}

/** Versions of the components; null if unknown. */
export interface Versions {
  readonly program: string;
  readonly python: string;
  readonly schema: string | null;
  readonly database: string | null;
  readonly bus: string | null;
}
