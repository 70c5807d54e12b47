/**
 * What the operators' routes take and answer.
 *
 * Written by scripts/reference from the server's definitions.
 */

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

/** Whose connections to close, on every server. */
export interface CloseConnectionsBody {
  readonly user: string;
}

/** How many connections were told to end. */
export interface ClosedConnections {
  readonly closed: number;
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

/** A server as it last said. */
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

/** Every node that is known, by id; a lost one stays for one more lease after its own. */
export interface NodeList {
  readonly nodes: readonly Node[];
}

/** How bad a violation is, the worst first. */
export type Severity = "critical" | "high" | "low" | "medium";

/** A thread id, and in how many of the snapshots of this report it was seen. */
export interface ThreadIdUse {
  readonly thread_id: string;
  readonly snapshots: number;
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

/** How often ids of this kind of wrongness came in this place. */
export interface ViolationCount {
  readonly kind: "legacy" | "malformed" | "repeated" | "wrong_kind";
  readonly place: "header" | "path" | "query";
  readonly count: number;
}
