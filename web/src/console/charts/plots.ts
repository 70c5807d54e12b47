/** The charts of the last hour as a table: their columns of the series, and how values read. */
import { count, duration } from "../format.ts";
import type { Column } from "../series.ts";

/** The colours of lines, in order of importance; `charts.css` defines them. */
type Tone = "first" | "second" | "third";

export interface Line {
  readonly column: Column;
  readonly label: string;
  readonly tone: Tone;
}

export interface Plot {
  readonly title: string;
  /** What is measured, for the text alternative. */
  readonly meaning: string;
  readonly lines: readonly Line[];
  /** Formats a value. */
  readonly read: (value: number | null) => string;
}

const TONES: readonly Tone[] = ["first", "second", "third"];

const perSecond = (value: number | null) => (value === null ? "–" : `${count(value)}/s`);
const fromMs = (value: number | null) => duration(value === null ? null : value / 1_000);

function plot(
  title: string,
  meaning: string,
  read: Plot["read"],
  ...named: readonly [Column, string][]
): Plot {
  const lines = named.map(([column, label], index) => ({
    column,
    label,
    tone: TONES[index] ?? "third",
  }));
  return { title, meaning, lines, read };
}

/** The charts of the cluster, or of one node. */
export function plotsOf(isOfAll: boolean): readonly Plot[] {
  return isOfAll ? PLOTS : PLOTS.map((one) => (one === RUNS_OF_ALL ? RUNS_OF_ONE : one));
}

const RUNS_OF_ALL = plot(
  "Live runs",
  "runs that execute, that are in the queue, and that wait for a person",
  count,
  ["runs_running", "running"],
  ["runs_queued", "queued"],
  ["runs_waiting", "waiting"],
);

const RUNS_OF_ONE = plot("Live runs", "runs that this node executes", count, [
  "runs",
  "executed here",
]);

const PLOTS: readonly Plot[] = [
  plot(
    "From commit to send",
    "how long an event takes from its commit to the socket, by percentile",
    fromMs,
    ["send_ms_p50", "p50"],
    ["send_ms_p99", "p99"],
    ["send_ms_p999", "p99.9"],
  ),
  plot(
    "Events",
    "events that were stored, and deliveries of them to connections",
    perSecond,
    ["events_in_per_s", "in"],
    ["events_out_per_s", "out"],
  ),
  plot(
    "Connections",
    "live connections, and the users who have them",
    count,
    ["connections", "connections"],
    ["users", "users"],
  ),
  RUNS_OF_ALL,
  plot(
    "Commit time",
    "how long a commit takes, by percentile",
    fromMs,
    ["commit_ms_p50", "p50"],
    ["commit_ms_p99", "p99"],
  ),
  plot(
    "Commit size",
    "how many events are in one commit, by percentile",
    count,
    ["commit_events_p50", "p50"],
    ["commit_events_p99", "p99"],
  ),
  plot("Lagging readers", "connections that are behind their journal", count, [
    "lagging",
    "behind",
  ]),
  plot(
    "Refusals and failed runs",
    "requests and commands that were refused, and runs that failed",
    perSecond,
    ["refusals_per_s", "refused"],
    ["runs_failed_per_s", "runs failed"],
  ),
  plot(
    "Database, bus and event loop",
    "how long a ping takes, and for how long the event loop was blocked; of several nodes, the longest",
    fromMs,
    ["database_ping_ms", "database"],
    ["bus_ping_ms", "bus"],
    ["loop_lag_ms", "loop blocked"],
  ),
];
