/**
 * The past troubles of the last hour, from the nodes and from what this page saw. Pure.
 *
 * A node forgets when it stops and knows nothing of its downtime, but the page does. What both know
 * is listed once, as the node reports it.
 */
import { plural } from "./format.ts";
import type { Overview } from "./ops.ts";
import { affectedBy, merged, type PastReport, reportsIn } from "./past_reports.ts";
import { isAbout, type Trouble, type TroubledRun, usersOf } from "./verdict.ts";

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
  /** Whether these times are approximate. */
  readonly isAbout: boolean;
}

/** What this page saw. */
export interface Seen {
  /** The troubles in the latest overview. */
  readonly standing: readonly Trouble[];
  /** At most 50, the latest first. */
  readonly over: readonly Past[];
  /** What nodes reported, at most 50: behind a proxy the next answer may be another node's. */
  readonly reports: readonly PastReport[];
  /** The earliest start of the nodes that answered; null before the first answer. */
  readonly since: number | null;
}

export const NOTHING_SEEN: Seen = { standing: [], over: [], reports: [], since: null };

/** After an overview with these troubles. */
export function sawTroubles(seen: Seen, troubles: readonly Trouble[], overview: Overview): Seen {
  const keys = new Set(troubles.map((one) => one.key));
  const ended = seen.standing
    .filter((one) => !keys.has(one.key))
    .map((one) => ({
      key: one.key,
      what: one.was,
      whom: one.whom,
      run: one.run,
      began: one.since,
      ended: one.until ?? overview.at,
      isAbout: isAbout(one),
    }));
  return {
    standing: troubles,
    over: [...ended, ...seen.over].slice(0, SEEN_MAX),
    reports: recentReports(overview, seen).slice(0, SEEN_MAX),
    since: Math.min(overview.since, seen.since ?? overview.since),
  };
}

/** The reports of the last hour, latest first. */
function recentReports(overview: Overview, seen: Seen): PastReport[] {
  return merged([...reportsIn(overview), ...seen.reports])
    .filter((one) => one.ended > overview.at - KEPT_S)
    .sort((one, other) => other.ended - one.ended);
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
    isAbout: false,
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
  const known = recentReports(overview, seen).map((one) => pastOfReport(one, overview));
  const own = seen.over.filter(
    (one) => !known.some((other) => isSame(one, other)) && !seen.standing.some(goesOn(one)),
  );
  return [...known, ...own]
    .filter((one) => one.ended > overview.at - KEPT_S)
    .sort((one, other) => other.ended - one.ended);
}

/** Since when nothing has been wrong, as far as the nodes that answered and this page know. */
export function calmSince(overview: Overview, seen: Seen): { at: number; isAbout: boolean } {
  const [last] = pastOf(overview, seen);
  const since = Math.min(overview.since, seen.since ?? overview.since);
  return last === undefined || last.ended < since
    ? { at: since, isAbout: false }
    : { at: last.ended, isAbout: last.isAbout };
}

/** Whether a trouble only seemed over, because the node that has it was lost meanwhile. */
function goesOn(past: Past): (trouble: Trouble) => boolean {
  return ({ key, since }) => key === past.key && since !== null && since <= past.ended;
}

function pastOfReport(report: PastReport, overview: Overview): Past {
  const { key, run, began, ended } = report;
  const what = report.what(Object.keys(report.users).length);
  const whom = affectedBy(report, overview);
  return { key, what, whom, run, began, ended, isAbout: isAbout(report) };
}

function isSame(own: Past, known: Past): boolean {
  const sameKind = own.key === known.key || (own.key === "silent" && known.key === "held");
  const began = Math.max(own.began ?? own.ended, known.began ?? known.ended);
  return sameKind && began <= Math.min(own.ended, known.ended) + SAME_WITHIN_S;
}
