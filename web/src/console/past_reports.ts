/**
 * Past troubles as nodes report them: each node reports its own and those that it saw of others.
 * Reports of the same trouble, and troubles that several nodes had at once, are merged. Pure.
 */
import { plural } from "./format.ts";
import type { Overview, PastTrouble, ToldAlert } from "./ops.ts";
import { RULE, type TroubledRun, usersOf, wasOf } from "./verdict.ts";

/** A past trouble, as one node or several reported it. */
export interface PastReport {
  readonly key: string;
  /** The sentence, for this many nodes. */
  readonly what: (nodes: number) => string;
  readonly run: TroubledRun | null;
  /** The affected nodes, each with its number of users; null if unknown. */
  readonly users: Readonly<Record<string, number | null>>;
  /** Seconds since the epoch; null if unknown. */
  readonly began: number | null;
  readonly ended: number;
}

/** The reports in an overview. */
export function reportsIn({ past, told: alerts }: Overview): PastReport[] {
  const recovered = alerts.filter((one) => one.change === "recovered");
  return [...past.map(ofNode), ...recovered.map((end) => ofAlert(end, alerts))];
}

/** One report for each trouble. */
export function merged(all: readonly PastReport[]): PastReport[] {
  const distinct: PastReport[] = [];
  for (const one of all) {
    const index = distinct.findIndex((other) => isSameTrouble(one, other));
    const other = distinct[index];
    if (other === undefined) distinct.push(one);
    else distinct[index] = mergedPair(one, other);
  }
  return distinct;
}

/** Who was affected. */
export function affectedBy({ run, users }: PastReport, { nodes }: Overview): string {
  if (run !== null) return `user ${run.user}`;
  const ids = Object.keys(users).sort();
  const counts = Object.values(users).filter((one) => one !== null);
  const sum = counts.reduce((before, one) => before + one, 0);
  if (ids.length === 0 || nodes.every((node) => node.node_id in users)) {
    return sum === 0 || nodes.length > 1 ? "everyone" : `everyone (${plural(sum, "user")})`;
  }
  return counts.length === 0 ? `users of ${ids.join(", ")}` : usersOf(sum, ...ids);
}

function isSameTrouble(one: PastReport, other: PastReport): boolean {
  const [since, sinceOther] = [one.began ?? one.ended, other.began ?? other.ended];
  const isAtOnce = since <= other.ended && sinceOther <= one.ended;
  return one.key === other.key && one.run?.id === other.run?.id && isAtOnce;
}

function mergedPair(one: PastReport, other: PastReport): PastReport {
  const begins = [one.began, other.began].filter((began) => began !== null);
  return {
    ...other,
    users: { ...one.users, ...other.users },
    began: begins.length === 0 ? null : Math.min(...begins),
    ended: Math.max(one.ended, other.ended),
  };
}

function ofNode(past: PastTrouble): PastReport {
  const { kind: key, began_at: began, ended_at: ended, user, run_id: id, node_id: node } = past;
  const run = user === null || id === null ? null : { id, user };
  const users = node === null ? {} : { [node]: past.users };
  const where = past.place === null ? "" : ` It was held at ${past.place}.`;
  return { key, what: (nodes) => `${wasOf(key, nodes)}${where}`, run, users, began, ended };
}

/** The report of an alert that has recovered. */
function ofAlert(end: ToldAlert, alerts: readonly ToldAlert[]): PastReport {
  return {
    key: `${RULE}${end.rule}`,
    what: () => end.was || `The rule ${end.rule} fired.`,
    run: null,
    users: { [end.node_id]: null },
    began: end.began_at ?? firedAt(end, alerts),
    ended: end.last_at ?? end.at,
  };
}

/** When an alert began to fire, from the history of alerts, which is latest first. */
function firedAt(end: ToldAlert, alerts: readonly ToldAlert[]): number | null {
  const before = alerts.find(
    (one) =>
      one.change === "firing" &&
      one.rule === end.rule &&
      one.node_id === end.node_id &&
      one.at <= end.at,
  );
  return before?.at ?? null;
}
