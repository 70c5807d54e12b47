/**
 * What the operators' routes take and answer.
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

/** What operators did, the latest first; kept for 400 days, at most 1,000,000 of them. */
export interface ActionPage {
  readonly actions: readonly Action[];
  readonly next: string | null;
}

/** One rule as it stands. */
export interface AlertRule {
  readonly rule: string;
  readonly severity: "critical" | "high" | "medium";
  readonly state: "firing" | "ok" | "pending";
  readonly since: number | null;
  readonly value: number | null;
  /** The value that is still good. */
  readonly threshold: number;
  readonly unit: "count" | "per_minute" | "seconds" | "share";
  /** Which side of the threshold is good. */
  readonly good: "at_least" | "at_most";
  /** How many attempts the value is made of. */
  readonly sample: number;
  /** With fewer, nothing is concluded. */
  readonly sample_least: number;
  /** How many of them count against it. */
  readonly faults: number;
  /** With fewer, nothing is concluded. */
  readonly faults_least: number;
  readonly window_s: number;
  /** So long it must be met before it fires. */
  readonly for_s: number;
  /** So long it must not be met to have recovered. */
  readonly clear_s: number;
  readonly summary: string;
  readonly meaning: string;
  readonly advice: string;
}

/** A sink, and what became of its notifications since the server started. */
export interface AlertSink {
  readonly sink: "log" | "slack" | "webhook";
  readonly arrived: number;
  readonly failed: number;
  readonly last_at: number | null;
  readonly last_detail: string | null;
}

/** One thing that was told. */
export interface AlertTold {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly rule: string;
  readonly change: "firing" | "recovered" | "reminder";
  readonly value: number | null;
  /** The value that is still good. */
  readonly threshold: number;
}

/** Alerts of this node. */
export interface Alerts {
  readonly node: string;
  readonly enabled: boolean;
  readonly sampled_at: number | null;
  readonly rules: readonly AlertRule[];
  /** The latest first; at most 200. */
  readonly history: readonly AlertTold[];
  readonly sinks: readonly AlertSink[];
}

/** Ask for the end of a run, whoever's it is; `confirm` is the run's id. */
export interface CancelRunBody {
  /** A run id, `run_<operation>_<ms>_<counter>_<hex8>`. */
  readonly run_id: string;
  /** The target once more, word for word: what is named most closely. */
  readonly confirm: string;
  readonly reason?: string | null;
}

/** Whose connections to close, on every node. */
export interface CloseConnectionsBody {
  readonly user: string;
}

/** How many connections were told to end. */
export interface ClosedConnections {
  readonly closed: number;
}

/** What living nodes said together, at the end of each step; null while the console was off. */
export interface ClusterColumns {
  /** One value for each step; null: nothing to measure. */
  readonly nodes: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly connections: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly users: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly lagging: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly runs: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly events_in_per_s: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly events_out_per_s: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly runs_queued: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly runs_running: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly runs_waiting: readonly (number | null)[];
}

/** How often something was refused with one error code. */
export interface CodeCount {
  readonly code: string;
  readonly total: number;
  readonly recent: number;
  /** Seconds since the epoch. */
  readonly last_at: number;
}

/** What the snapshots come to. */
export interface ConsistencyAnalysis {
  readonly score: number;
  readonly snapshots: number;
  readonly violations: number;
  readonly by_kind: Readonly<Record<string, number>>;
  readonly by_severity: Readonly<Record<string, number>>;
  readonly traces: number;
  readonly traces_kept: number;
  readonly traces_shown: number;
  readonly open: number;
  readonly unique_thread_ids: readonly ThreadIdUse[];
  readonly recording: boolean;
  readonly sample: number;
  /** Seconds since the epoch. */
  readonly made_at: number;
}

/** Whether ids stayed the same. */
export interface ConsistencyFigures {
  readonly on: boolean;
  readonly snapshots: number;
  readonly violations: number;
  readonly score: number | null;
  readonly violated_at: number | null;
}

/** Whether the ids of contexts stayed the same from creation to cleanup. */
export interface ConsistencyReport {
  readonly snapshots: readonly ConsistencySnapshot[];
  readonly violations: readonly ConsistencyViolation[];
  readonly analysis: ConsistencyAnalysis;
}

/** The ids that one operation saw. */
export interface ConsistencySnapshot {
  /** One context's life, `trace_<ms>_<counter>_<hex8>`. */
  readonly trace_id: string;
  /** The snapshot's place in its trace, from 1. */
  readonly number: number;
  readonly operation: string;
  /** Seconds since the epoch. */
  readonly at: number;
  readonly user?: string | null;
  readonly thread_id?: string | null;
  readonly run_id?: string | null;
  readonly request_id?: string | null;
  readonly connection_id?: string | null;
  readonly key?: string | null;
  readonly found?: boolean | null;
}

/** Something that a snapshot shows to be wrong. */
export interface ConsistencyViolation {
  /** One context's life, `trace_<ms>_<counter>_<hex8>`. */
  readonly trace_id: string;
  /** The snapshot's place in its trace, from 1. */
  readonly number: number;
  readonly operation: string;
  /** Seconds since the epoch. */
  readonly at: number;
  readonly severity: Severity;
  readonly kind: string;
  readonly message: string;
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

/** Let a node hand over its runs and send its clients away; `confirm` is the node's id. */
export interface DrainNodeBody {
  readonly node_id: string;
  /** The target once more, word for word: what is named most closely. */
  readonly confirm: string;
  readonly reason?: string | null;
}

/** Whom to look up; in a body, because no user id stands in a URL. */
export interface FindUserBody {
  readonly user: string;
}

/** A rule that fires, with where it does and what it means. */
export interface FiringAlert {
  readonly rule: string;
  readonly severity: "critical" | "high" | "medium";
  readonly since: number | null;
  readonly value: number | null;
  readonly threshold: number;
  readonly node_id: string;
  readonly unit: "count" | "per_minute" | "seconds" | "share";
  readonly good: "at_least" | "at_most";
  readonly summary: string;
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
}

/** A run as the store knows it, whoever's it is. */
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

/** A user as the store knows them. */
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

/** A run that has not ended, and whose it is. */
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

/** A node as it last said. */
export interface Node {
  readonly node_id: string;
  readonly version: string;
  readonly role: string;
  readonly alive: boolean;
  readonly age_s: number;
  readonly lease_left_s: number | null;
  readonly connections: number;
  readonly runs: number;
}

/** What one node did in each step. Times are in milliseconds, rates are for each second. */
export interface NodeColumns {
  /** One value for each step; null: nothing to measure. */
  readonly connections: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly users: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly lagging: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly runs: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly queued_units: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly events_in_per_s: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly events_out_per_s: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly commits_per_s: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly commit_events_p50: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly commit_events_p99: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly commit_ms_p50: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly commit_ms_p99: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly send_ms_p50: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly send_ms_p99: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly send_ms_p999: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly loop_lag_ms: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly database_ping_ms: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly bus_ping_ms: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly connects_per_s: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly resumes_per_s: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly refusals_per_s: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly take_overs: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly foreign_deliveries: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly id_violations: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly runs_ended_per_s: readonly (number | null)[];
  /** One value for each step; null: nothing to measure. */
  readonly runs_failed_per_s: readonly (number | null)[];
}

/** Every node that is known, by id; a lost one stays for one more lease after its own. */
export interface NodeList {
  readonly nodes: readonly Node[];
}

/** A node as the store knows it, and what it said last. */
export interface NodeOverview {
  readonly node_id: string;
  readonly version: string;
  readonly role: string;
  readonly alive: boolean;
  readonly age_s: number;
  readonly lease_left_s: number | null;
  readonly summary: NodeSummary | null;
}

/** What a node says of itself with each renewal of its lease. Rates are of its last step. */
export interface NodeSummary {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly connections: number;
  readonly users: number;
  readonly lagging: number;
  readonly lagging_since: number | null;
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
}

/** The oldest run of a status, whose it is and when it was created. */
export interface OldestRun {
  readonly run_id: string;
  readonly user: string;
  /** Seconds since the epoch. */
  readonly created_at: number;
}

/** How everything is now. */
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
  readonly firing: readonly FiringAlert[];
  readonly told: readonly ToldAlert[];
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

/** Something that was wrong and is over, as the node that answers saw it in its steps. */
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
}

/** Runs in the queue that wait for the same. */
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

/** Where a run is in its life. */
export type RunStatus = "cancelled" | "completed" | "failed" | "queued" | "running" | "waiting";

/** How many runs have this status, and which has been there longest (null for none). */
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

/** What must be nothing, since the nodes started. Each time is null where there was none. */
export interface SafetyFigures {
  readonly foreign_deliveries: number;
  readonly foreign_delivery_at: number | null;
  readonly id_checks: number;
  readonly id_violations: number;
  readonly id_violation_at: number | null;
  readonly consistency: ConsistencyFigures;
}

/** The last hour, oldest step first. */
export interface Series {
  readonly node_id: string;
  readonly step_s: number;
  readonly at: readonly number[];
  readonly node: NodeColumns;
  readonly cluster: ClusterColumns;
}

/** How bad a violation is, the worst first. */
export type Severity = "critical" | "high" | "low" | "medium";

/** Make void a user's credentials that were issued until now; `confirm` is the user's id. */
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

/** A thread id, and in how many of the snapshots of this report it was seen. */
export interface ThreadIdUse {
  readonly thread_id: string;
  readonly snapshots: number;
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

/** Something that was told of a rule, by which node, and what is wrong when it fires. */
export interface ToldAlert {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly rule: string;
  readonly change: "firing" | "recovered" | "reminder";
  readonly value: number | null;
  readonly threshold: number;
  readonly node_id: string;
  readonly summary: string;
}

/** Something that a node told of a rule. */
export interface ToldRule {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly rule: string;
  readonly change: "firing" | "recovered" | "reminder";
  readonly value: number | null;
  readonly threshold: number;
}

/** What living nodes said, together. */
export interface Totals {
  readonly nodes_alive: number;
  readonly nodes_lost: number;
  readonly connections: number;
  readonly users: number;
  readonly lagging: number;
  readonly runs: number;
  readonly events_in_per_s: number;
  readonly events_out_per_s: number;
  readonly take_overs: TakeOverFigures;
}

/** What came of looking at the ids of requests, on this node, since it started. */
export interface ValidationReport {
  readonly mode: "enforce" | "off" | "warn";
  readonly requests: number;
  readonly violating: number;
  readonly refused: number;
  readonly violation_rate: number;
  readonly violations: readonly ViolationCount[];
  readonly examples: readonly ViolationExample[];
}

/** Which versions work together; null where it is not known. */
export interface Versions {
  readonly program: string;
  readonly python: string;
  readonly schema: string | null;
  readonly database: string | null;
  readonly bus: string | null;
}

/** How often ids of this kind of wrongness came in this place. */
export interface ViolationCount {
  readonly kind: "legacy" | "malformed" | "repeated" | "wrong_kind";
  readonly place: "header" | "path" | "query";
  readonly count: number;
}

/** One of the latest violations. */
export interface ViolationExample {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly kind: "legacy" | "malformed" | "repeated" | "wrong_kind";
  readonly place: "header" | "path" | "query";
  readonly name: string;
  readonly reason: string;
  readonly shown: string;
}
