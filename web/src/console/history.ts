/**
 * The past troubles of the last hour, from the nodes and from what this page saw. Pure.
 *
 * A node forgets when it stops and knows nothing of its downtime, but the page does. What both know
 * is listed once, as the node tells it.
 */
import { plural } from "./format.ts";
import type { Overview, PastTrouble, ToldAlert } from "./ops.ts";
import { type Trouble, type TroubledRun, usersOf } from "./verdict.ts";

const KEPT_S = 3_600;
const SEEN_MAX = 50;
/** Two reports of the same trouble may differ by a sampling step and a poll. */
const SAME_WITHIN_S = 10;

/** A trouble that is over. */
export interface Past {
  readonly key: string;
  readonly what: string;
  readonly whom: string;
  readonly run: TroubledRun | null;
  /** Seconds since the epoch; null if unknown. */
  readonly began: number | null;
  readonly ended: number;
}

/** What this page saw. */
export interface Seen {
  /** The troubles in the latest overview. */
  readonly standing: readonly Trouble[];
  /** At most 50, the latest first. */
  readonly over: readonly Past[];
}

export const NOTHING_SEEN: Seen = { standing: [], over: [] };

/** After an overview of the time `at` with these troubles. */
export function sawTroubles(seen: Seen, troubles: readonly Trouble[], at: number): Seen {
  const keys = new Set(troubles.map((one) => one.key));
  const ended = seen.standing
    .filter((one) => !keys.has(one.key))
    .map(({ key, what, whom, run, since, until }) => ({
      key,
      what: WHAT[key] ?? what,
      whom,
      run,
      began: since,
      ended: until ?? at,
    }));
  return { standing: troubles, over: [...ended, ...seen.over].slice(0, SEEN_MAX) };
}

/** After an outage between two overviews. */
export function sawSilence(seen: Seen, before: Overview, after: Overview): Seen {
  const silence: Past = {
    key: "silent",
    what: "The server did not answer this page.",
    whom: whoseServer(before),
    run: null,
    began: before.at,
    ended: after.at,
  };
  return { ...seen, over: [silence, ...seen.over].slice(0, SEEN_MAX) };
}

/** Who is affected when the node that serves this page does not respond. */
export function whoseServer({ node_id: id, nodes, totals }: Overview): string {
  if (totals.nodes_alive <= 1) {
    const were = totals.users === 1 ? "was" : "were";
    return totals.users === 0
      ? "everyone"
      : `everyone (${plural(totals.users, "user")} ${were} connected)`;
  }
  return usersOf(nodes.find((node) => node.node_id === id)?.summary?.users ?? 0, id);
}

/** The past troubles of the last hour, latest first. */
export function pastOf(overview: Overview, seen: Seen): Past[] {
  const known = [...overview.past.map((one) => ofServer(one, overview)), ...recovered(overview)];
  const own = seen.over.filter((one) => !known.some((other) => isSame(one, other)));
  return [...known, ...own]
    .filter((one) => one.ended > overview.at - KEPT_S)
    .sort((one, other) => other.ended - one.ended);
}

/** Since when nothing has been wrong, as far as the answering node and this page know. */
export function calmSince(overview: Overview, seen: Seen): number {
  return Math.max(overview.since, ...pastOf(overview, seen).map((one) => one.ended));
}

function isSame(own: Past, known: Past): boolean {
  const sameKind = own.key === known.key || (own.key === "silent" && known.key === "held");
  const began = Math.max(own.began ?? own.ended, known.began ?? known.ended);
  return sameKind && began <= Math.min(own.ended, known.ended) + SAME_WITHIN_S;
}

function ofServer(past: PastTrouble, { nodes }: Overview): Past {
  const { kind: key, began_at: began, ended_at: ended, user, run_id: id } = past;
  const run = user === null || id === null ? null : { id, user };
  const whom = run === null ? nodesUsers(past, nodes.length) : `user ${run.user}`;
  return { key, what: WHAT[key], whom, run, began, ended };
}

function nodesUsers({ node_id: id, users }: PastTrouble, nodes: number): string {
  if (nodes > 1) return users === null ? `users of ${id}` : usersOf(users, `${id}`);
  return users ? `everyone (${plural(users, "user")})` : "everyone";
}

const WHAT: Readonly<Record<string, string>> & Record<PastTrouble["kind"], string> = {
  database: "A node could not use the database.",
  bus: "A node could not reach the bus.",
  lost: "A node was lost.",
  held: "A node stood still, and answered nobody.",
  queued: "A run waited for a runner.",
  behind: "A run waited for another one of its thread.",
  drained: "No node took new work.",
  "rule-foreign_delivery": "Events of one user were about to be sent to another.",
  "rule-connect_success": "Too many connection attempts failed.",
  "rule-run_success": "Too many runs failed.",
  "rule-resume_success": "Too many readers could not continue where they were.",
  "rule-commit_failures": "Commits failed.",
  "rule-commit_latency": "Commits were slow.",
  "rule-catch_up_lag": "A reader waited long for events that were there.",
  "rule-readers_behind": "Many readers were behind.",
  "rule-thread_lookups": "Many threads were not found.",
  "rule-id_violations": "Many requests carried unusable ids.",
};

/** The alerts that have recovered, from the history of alerts, which is latest first. */
function recovered({ told, nodes }: Overview): Past[] {
  const isAlone = nodes.length <= 1;
  return told
    .filter((one) => one.change === "recovered")
    .map((end) => ({
      key: `rule-${end.rule}`,
      what: WHAT[`rule-${end.rule}`] ?? (end.summary || end.rule),
      whom: isAlone ? "everyone" : `users of ${end.node_id}`,
      run: null,
      began: end.began_at ?? firedAt(end, told),
      ended: end.last_at ?? end.at,
    }));
}

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
