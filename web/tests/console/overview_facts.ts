/** An overview in which all is well, to be changed by tests. */
import type { NodeOverview, NodeSummary, Overview } from "../../src/console/ops.ts";

export const AT = 1_800_000_000;

const safety = {
  foreign_deliveries: 0,
  foreign_delivery_at: null,
  id_checks: 100,
  id_violations: 0,
  id_violation_at: null,
  consistency: { on: false, snapshots: 0, violations: 0, score: null, violated_at: null },
};

const takeOvers = { requeued: 0, ended: 0, last_at: null };

const summary: NodeSummary = {
  at: AT - 1,
  connections: 10,
  users: 7,
  lagging: 0,
  lagging_readers: [],
  oldest_catch_up_s: 0,
  runs: 2,
  draining: false,
  drained: false,
  database: { ok: true, since: AT - 900, ping_ms: 0.5 },
  bus: { ok: true, since: AT - 900, ping_ms: 0.3 },
  loop_lag_ms: 1,
  events_in_per_s: 5,
  events_out_per_s: 12,
  commits_per_s: 3,
  commit_ms_p50: 0.6,
  commit_ms_p99: 2,
  send_ms_p99: 1,
  safety,
  take_overs: takeOvers,
  refusals: [],
  firing: [],
  told: [],
  age_s: 900,
  failures: [],
  failed_runs: [],
};

export function node(id: string, said: Partial<NodeSummary> = {}, alive = true): NodeOverview {
  return {
    node_id: id,
    version: "1.0",
    role: "all",
    alive,
    known: true,
    age_s: 900,
    joined_s: 900,
    lease_left_s: alive ? 8 : -4,
    summary: { ...summary, ...said },
  };
}

export function overviewWith(change: Partial<Overview> = {}): Overview {
  const nodes = change.nodes ?? [node("node_a"), node("node_b")];
  return {
    node_id: "node_a",
    at: AT,
    since: AT - 900,
    nodes,
    totals: {
      nodes_alive: nodes.filter((one) => one.alive).length,
      nodes_lost: nodes.filter((one) => !one.alive).length,
      connections: 20,
      users: 14,
      users_once: true,
      lagging: 0,
      runs: 4,
      events_in_per_s: 10,
      events_out_per_s: 24,
      take_overs: takeOvers,
    },
    runs: { states: [], queued: [], complete: true, counted_at: AT },
    safety,
    refusals: [],
    failures: [],
    failed_runs: [],
    firing: [],
    told: [],
    lagging_readers: [],
    past: [],
    database: { ok: true, since: AT - 900, ping_ms: 0.5 },
    database_facts: {},
    bus: { ok: true, since: AT - 900, ping_ms: 0.3 },
    versions: {
      program: "1.0",
      python: "3.11",
      schema: "7",
      database: "PostgreSQL 18",
      bus: "NATS",
    },
    ...change,
  };
}
