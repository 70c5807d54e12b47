/** The charts of the last hour, as one table: which columns of the series, and how they read. */
import { count, duration } from "../format.ts";
import type { Column } from "../series.ts";

/** Colours of lines, in order of importance; `charts.css` has them. */
type Tone = "first" | "second" | "third";

export interface Line {
  readonly column: Column;
  readonly label: string;
  readonly tone: Tone;
}

export interface Plot {
  readonly title: string;
  /** What is counted or measured, for who does not see the curve. */
  readonly meaning: string;
  /** Whether it is of one node alone; percentiles of several cannot be joined. */
  readonly ofOneNode: boolean;
  readonly lines: readonly Line[];
  /** How a value of the columns reads. */
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
  const ofOneNode = lines.every((line) => line.column.startsWith("node."));
  return { title, meaning, ofOneNode, lines, read };
}

export const PLOTS: readonly Plot[] = [
  plot(
    "From commit to send",
    "how long an event takes from its commit to the socket, by percentile",
    fromMs,
    ["node.send_ms_p50", "p50"],
    ["node.send_ms_p99", "p99"],
    ["node.send_ms_p999", "p99.9"],
  ),
  plot(
    "Events",
    "events that were stored, and deliveries of them to connections",
    perSecond,
    ["cluster.events_in_per_s", "in"],
    ["cluster.events_out_per_s", "out"],
  ),
  plot(
    "Connections",
    "live connections, and the users who have them",
    count,
    ["cluster.connections", "connections"],
    ["cluster.users", "users"],
  ),
  plot(
    "Live runs",
    "runs that execute, that are in the queue, and that wait for a person",
    count,
    ["cluster.runs_running", "running"],
    ["cluster.runs_queued", "queued"],
    ["cluster.runs_waiting", "waiting"],
  ),
  plot(
    "Commit time",
    "how long a commit takes, by percentile",
    fromMs,
    ["node.commit_ms_p50", "p50"],
    ["node.commit_ms_p99", "p99"],
  ),
  plot(
    "Commit size",
    "how many events are in one commit, by percentile",
    count,
    ["node.commit_events_p50", "p50"],
    ["node.commit_events_p99", "p99"],
  ),
  plot("Lagging readers", "connections that are behind their journal", count, [
    "cluster.lagging",
    "behind",
  ]),
  plot(
    "Refusals and failed runs",
    "requests and commands that were refused, and runs that failed",
    perSecond,
    ["node.refusals_per_s", "refused"],
    ["node.runs_failed_per_s", "runs failed"],
  ),
  plot(
    "Way to the database and the bus",
    "how long a question takes that asks nothing, and for how long the event loop was held",
    fromMs,
    ["node.database_ping_ms", "database"],
    ["node.bus_ping_ms", "bus"],
    ["node.loop_lag_ms", "loop held"],
  ),
];
