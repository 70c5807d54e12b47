/**
 * Derives from an overview whether anything is wrong, for whom and since when. Pure.
 *
 * The alerts that the server's rules fire are taken as they are. Added are the troubles that no rule
 * can report, because the node that would report them is gone or cut off.
 */
import { around, count, duration, plural, span } from "./format.ts";
import type { FiringAlert, NodeOverview, Overview, PastTrouble, QueuedRuns } from "./ops.ts";
import { FAILED, type Route } from "./route.ts";

/** How long a run may be queued before somebody should look. */
const QUEUED_MAX_S = 60;
/** The keys of alerts begin with this. */
export const RULE = "rule-";
/** A failure may be sampled this long after the database has recovered. */
const LOOK_S = 10;
/** How many users a sentence names. */
const NAMED_MAX = 3;

type Severity = "broken" | "troubled";

/** One thing that is wrong. */
export interface Trouble {
  readonly key: string;
  readonly severity: Severity;
  /** A sentence. */
  readonly what: string;
  /** The sentence once it is over. */
  readonly was: string;
  readonly whom: string;
  /** The affected run and its user; null if it is not about a run. */
  readonly run: TroubledRun | null;
  /** Seconds since the epoch; null if unknown. */
  readonly since: number | null;
  /** When it ended, if a rule still fires because it looks back. */
  readonly until?: number;
  /** What to do first. */
  readonly advice: string;
  /** The view that has more of it. */
  readonly look?: Route;
}

export interface TroubledRun {
  readonly id: string;
  readonly user: string;
}

interface Verdict {
  readonly severity: Severity | "well";
  readonly sentence: string;
  /** How many other troubles there are, as a sentence; empty if there are none. */
  readonly others: string;
  /** Worst first. */
  readonly troubles: readonly Trouble[];
}

type Kind = PastTrouble["kind"] | "drained";

const WAS: Readonly<Record<Kind, string>> = {
  database: "A node could not use the database.",
  bus: "A node could not reach the bus.",
  lost: "A node was lost.",
  held: "A node stalled and did not respond.",
  queued: "A run waited for a runner.",
  behind: "A run waited for another one of its thread.",
  drained: "No node took new work.",
};

const WERE: Partial<Record<Kind, string>> = {
  database: "could not use the database",
  bus: "could not reach the bus",
  lost: "were lost",
  held: "stalled and did not respond",
};

/** The sentence for a past trouble of this many nodes. For rules, the server has the sentence. */
export function wasOf(kind: Kind, nodes = 1): string {
  const were = nodes > 1 ? WERE[kind] : undefined;
  return were === undefined ? WAS[kind] : `${nodesWord(nodes)} ${were}.`;
}

function isRule({ key }: { readonly key: string }): boolean {
  return key.startsWith(RULE);
}

/** Whether its times are approximate: they come from metric samples, or from a node's last report. */
export function isAbout(trouble: { readonly key: string }): boolean {
  return isRule(trouble) || trouble.key === "lost";
}

export function verdictOf(overview: Overview): Verdict {
  const troubles = [
    ...safety(overview),
    ...nodeTroubles(overview),
    ...Object.values(Object.groupBy(overview.firing, (one) => one.rule)).map((same = []) =>
      fired(same, overview),
    ),
    ...(overview.runs?.queued ?? []).map((runs) => stuck(runs, overview)),
  ]
    .filter((one) => one !== null)
    .sort((one, other) => rank(one) - rank(other) || (one.since ?? 0) - (other.since ?? 0));
  const [worst] = troubles;
  const others = othersWords(troubles.length - 1);
  if (worst === undefined) {
    return { severity: "well", sentence: "All promises hold.", others, troubles };
  }
  return { severity: worst.severity, sentence: worst.what, others, troubles };
}

function othersWords(others: number): string {
  if (others < 1) return "";
  return others === 1 ? "And one other trouble." : `And ${count(others)} other troubles.`;
}

/** Broken before troubled; what nodes lack before what rules measure, as it is often the cause. */
function rank(trouble: Trouble): number {
  return (trouble.severity === "broken" ? 0 : 2) + (isRule(trouble) ? 1 : 0);
}

/** What must never happen. A rule reports it for a while only; here it stays. */
function safety({ safety: held, firing }: Overview): Trouble[] {
  const { consistency } = held;
  const found: Trouble[] = [];
  if (held.foreign_deliveries > 0 && !firing.some((one) => one.rule === "foreign_delivery")) {
    const what = `${plural(held.foreign_deliveries, "event")} of one user nearly reached another.`;
    found.push({
      key: "foreign",
      severity: "broken",
      what,
      was: what,
      whom: "nobody (the log names connection, seq and thread)",
      run: null,
      since: held.foreign_delivery_at,
      advice: "The last check stopped them. Find out how they got that far.",
    });
  }
  if (consistency.violations > 0) {
    const what = `Ids drifted ${count(consistency.violations)} times between parts of the program.`;
    found.push({
      key: "consistency",
      severity: "troubled",
      what,
      was: what,
      whom: "the contexts that the consistency report names",
      run: null,
      since: consistency.violated_at,
      advice: "Read /ops/consistency, or run `threadcast consistency`.",
    });
  }
  return found;
}

/** Nodes that are lost, drained or cut off: one trouble for all nodes that share it. */
function nodeTroubles({ at, nodes }: Overview): (Trouble | null)[] {
  const living = nodes.filter((node) => node.alive);
  const lost = nodes.filter((node) => !node.alive);
  const without = (part: "database" | "bus") =>
    living.filter((node) => node.known && node.summary?.[part]?.ok === false); // not if stale
  const drained = living.filter((node) => node.summary?.draining === true);
  return [
    // Draining some of the nodes is what an operator wants.
    troubleOfNodes(drained.length === living.length ? drained : [], living, {
      key: "drained",
      severity: "broken",
      what: drained.length === 1 ? "takes no new work" : "take no new work",
      since: () => null,
      advice: "Every living node is drained. Restart a node to have it take work again.",
    }),
    troubleOfNodes(without("database"), living, {
      key: "database",
      severity: "broken",
      what: "cannot use the database",
      since: (node) => node.summary?.database.since ?? null,
      advice:
        "Check that the database is running, has free space and accepts connections; the log has its error. Until then nothing is stored: messages are refused and runs stall.",
    }),
    troubleOfNodes(without("bus"), living, {
      key: "bus",
      severity: "troubled",
      what: "cannot reach the bus",
      since: (node) => node.summary?.bus?.since ?? null,
      advice:
        "Check that the bus is running. Nothing is lost: what other nodes store arrives by polling, once a second.",
    }),
    troubleOfNodes(lost, nodes, {
      key: "lost",
      severity: "troubled",
      what: lost.length === 1 ? "is lost" : "are lost",
      since: (node) => node.summary?.at ?? at + (node.lease_left_s ?? 0),
      advice:
        "Its users reconnect to other nodes and its runs are taken over. Its log tells why it ended.",
    }),
  ];
}

interface NodeTrouble extends Omit<Trouble, "was" | "whom" | "since" | "run"> {
  readonly key: Kind;
  readonly since: (node: NodeOverview) => number | null;
}

/** The trouble of `these` nodes, out of `all` that could have it. */
function troubleOfNodes(
  these: readonly NodeOverview[],
  all: readonly NodeOverview[],
  trouble: NodeTrouble,
): Trouble | null {
  const [first] = these;
  if (first === undefined) return null;
  const users = these.reduce((sum, node) => sum + (node.summary?.users ?? 0), 0);
  const whose = usersOf(users, ...these.map((node) => node.node_id));
  const unknown = all.filter((node) => !node.known).length;
  const isAll = these.length === all.length;
  return {
    ...trouble,
    what: `${nodesWord(these.length)} ${trouble.what}.`,
    was: wasOf(trouble.key, these.length),
    whom: isAll ? "everyone" : unknown === 0 ? whose : `${whose}, and maybe others: ${OF_OTHERS}`,
    run: null,
    since: earliest(these.map(trouble.since)),
  };
}

/** "3 users of node_a"; at most so many of several nodes; just the nodes if they have no users. */
export function usersOf(users: number, ...nodes: readonly string[]): string {
  const most = nodes.length > 1 ? "up to " : "";
  return `${users === 0 ? "" : `${most}${plural(users, "user")} of `}${nodes.join(", ")}`;
}

/** A node without the database learns nothing of the others. */
const OF_OTHERS = "the state of the other nodes is unknown";

function nodesWord(nodes: number): string {
  return nodes === 1 ? "A node" : `${count(nodes)} nodes`;
}

function earliest(moments: readonly (number | null)[]): number | null {
  const known = moments.filter((one) => one !== null);
  return known.length === 0 ? null : Math.min(...known);
}

/** One trouble per rule, on however many nodes it fires. */
function fired(same: readonly FiringAlert[], overview: Overview): Trouble | null {
  const [first] = [...same].sort(byValue);
  if (first === undefined) return null;
  const living = overview.nodes.filter((node) => node.alive).length;
  const ids = same.map((one) => one.node_id);
  const who =
    (first.rule === "readers_behind" && whoLags(ids, overview)) ||
    (same.length >= living ? "everyone" : `users of ${ids.join(", ")}`);
  const until = first.rule === "commit_failures" ? committedSince(same, overview) : null;
  return {
    key: `${RULE}${first.rule}`,
    severity: first.severity === "medium" || until !== null ? "troubled" : "broken",
    what: until === null ? said(first) : `Commits failed until ${around(until, overview.at)}.`,
    was: first.was,
    whom: until === null && !isShareOf(first) ? `${who}; ${measured(first)}` : who,
    run: null,
    since: earliest(same.map((one) => one.since)),
    ...(until !== null && { until }),
    ...(first.rule === "run_success" && { look: { view: "runs", id: FAILED } }),
    advice: first.advice,
  };
}

/** The worst first. */
function byValue(one: FiringAlert, other: FiringAlert): number {
  const higher = (other.value ?? 0) - (one.value ?? 0);
  return one.good === "at_least" ? -higher : higher;
}

/** Whether its sentence says what share failed. */
function isShareOf(alert: FiringAlert): boolean {
  return alert.faults !== "" && alert.value !== null;
}

/** What is wrong; of what should succeed, the share that did not. */
function said(alert: FiringAlert): string {
  if (alert.faults === "" || alert.value === null) return alert.summary;
  const good = percent(1 - alert.threshold);
  return `${percent(1 - alert.value)} ${alert.faults}${within(alert)} (good is under ${good}).`;
}

function within({ looks_back_s: back }: FiringAlert): string {
  return back === null ? "" : ` in the last ${span(back)}`;
}

function percent(share: number): string {
  const value = share * 100;
  return `${value < 10 ? Number(value.toPrecision(3)) : Math.round(value)} %`;
}

/** When commits last failed, if the databases of all these nodes have recovered since; else null. */
function committedSince(same: readonly FiringAlert[], { nodes }: Overview): number | null {
  let until = 0;
  for (const { node_id: id, last_at: last, since } of same) {
    const database = nodes.find((node) => node.node_id === id)?.summary?.database;
    if (!database?.ok || !last || last > database.since + LOOK_S) return null;
    until = Math.max(until, Math.min(last, Math.max(database.since, since ?? 0)));
  }
  return until;
}

/** The users whose readers lag on these nodes; empty if none is named. */
function whoLags(ids: readonly string[], { lagging_readers: readers }: Overview): string {
  const there = readers.filter((one) => ids.includes(one.node_id));
  const users = [...new Set(there.map((one) => one.user))];
  const named = users.slice(0, NAMED_MAX).join(", ");
  return users.length <= NAMED_MAX ? named : `${named} and others (see who is behind)`;
}

/** What a rule measured, and its threshold. */
function measured(alert: FiringAlert): string {
  const side = alert.good === "at_least" ? "at least" : "at most";
  const threshold = inUnit(alert.threshold, alert.unit);
  return `${inUnit(alert.value, alert.unit)}${within(alert)} (good is ${side} ${threshold})`;
}

/** A value in a rule's unit. */
function inUnit(value: number | null, unit: FiringAlert["unit"]): string {
  if (value === null) return "nothing";
  if (unit === "share") return percent(value);
  if (unit === "seconds") return duration(value);
  return unit === "per_minute" ? `${count(value)} a minute` : count(value);
}

/** Runs that have been queued for too long. Those behind a question wait for a person. */
function stuck({ behind, count: runs, oldest, since }: QueuedRuns, { at }: Overview) {
  if (behind === "waiting" || at - since <= QUEUED_MAX_S) return null;
  const key = behind === null ? "queued" : "behind";
  const trouble: Trouble = {
    key,
    severity: "troubled",
    what: `${plural(runs, "run")} ${runs === 1 ? "waits" : "wait"} for ${AWAITED[behind ?? "nothing"]}.`,
    was: wasOf(key),
    whom: `user ${oldest.user}`,
    run: { id: oldest.run_id, user: oldest.user },
    since,
    advice: behind === null ? NO_RUNNER : NO_END,
  };
  return trouble;
}

const AWAITED = {
  nothing: "a runner",
  running: "another run of the same thread, which does not end",
};

const NO_RUNNER = "All runners are busy, or no node has this agent. Raise max_runs, or add a node.";
const NO_END = "Look at this user's live runs, and cancel the one that hangs.";
