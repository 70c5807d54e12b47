/**
 * Past troubles as nodes report them: each node reports its own, and what it saw of others. What
 * several nodes had at once, or several report, is merged. Pure.
 */
import { plural } from "./format.ts";
import type { Overview, PastTrouble, ToldAlert } from "./ops.ts";
import { RULE, type TroubledRun, usersOf, wasOf } from "./verdict.ts";

/** A past trouble as reported. */
export interface Told {
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

/** The past troubles in an overview. */
export function toldBy({ past, told }: Overview): Told[] {
  const recovered = told.filter((one) => one.change === "recovered");
  return [...past.map(ofServer), ...recovered.map((end) => ofRule(end, told))];
}

/** Merges reports of the same trouble. */
export function joined(all: readonly Told[]): Told[] {
  const whole: Told[] = [];
  for (const one of all) {
    const place = whole.findIndex((other) => isOneWith(one, other));
    const other = whole[place];
    if (other === undefined) whole.push(one);
    else whole[place] = together(one, other);
  }
  return whole;
}

/** Who was affected. */
export function whomOf({ run, users }: Told, { nodes }: Overview): string {
  if (run !== null) return `user ${run.user}`;
  const ids = Object.keys(users).sort();
  const counts = Object.values(users).filter((one) => one !== null);
  const sum = counts.reduce((before, one) => before + one, 0);
  if (nodes.length <= 1) return sum === 0 ? "everyone" : `everyone (${plural(sum, "user")})`;
  if (ids.length > 1 && nodes.every((node) => node.node_id in users)) return "everyone";
  return counts.length === 0 ? `users of ${ids.join(", ")}` : usersOf(sum, ...ids);
}

function isOneWith(one: Told, other: Told): boolean {
  const [since, sinceOther] = [one.began ?? one.ended, other.began ?? other.ended];
  const isAtOnce = since <= other.ended && sinceOther <= one.ended;
  return one.key === other.key && one.run?.id === other.run?.id && isAtOnce;
}

function together(one: Told, other: Told): Told {
  const begins = [one.began, other.began].filter((began) => began !== null);
  return {
    ...other,
    users: { ...one.users, ...other.users },
    began: begins.length === 0 ? null : Math.min(...begins),
    ended: Math.max(one.ended, other.ended),
  };
}

function ofServer(past: PastTrouble): Told {
  const { kind: key, began_at: began, ended_at: ended, user, run_id: id, node_id: node } = past;
  const run = user === null || id === null ? null : { id, user };
  const users = node === null ? {} : { [node]: past.users };
  return { key, what: (nodes) => wasOf(key, nodes), run, users, began, ended };
}

/** An alert that has recovered. */
function ofRule(end: ToldAlert, told: readonly ToldAlert[]): Told {
  return {
    key: `${RULE}${end.rule}`,
    what: () => end.was || `The rule ${end.rule} fired.`,
    run: null,
    users: { [end.node_id]: null },
    began: end.began_at ?? firedAt(end, told),
    ended: end.last_at ?? end.at,
  };
}

/** When an alert began to fire, from the history of alerts, which is latest first. */
function firedAt(end: ToldAlert, told: readonly ToldAlert[]): number | null {
  const before = told.find(
    (one) =>
      one.change === "firing" &&
      one.rule === end.rule &&
      one.node_id === end.node_id &&
      one.at <= end.at,
  );
  return before?.at ?? null;
}
