/** Polls the overview and the series, and publishes them as signals. */
import { computed, effect, signal } from "@preact/signals";
import type { ThreadcastError } from "@threadcast/client/request";
import { access } from "./access.ts";
import { NOTHING_SEEN, type Seen, sawSilence, sawTroubles } from "./history.ts";
import type { Overview, Series } from "./ops.ts";
import { extended, sinceOf } from "./series.ts";
import type { Server } from "./server.ts";
import { verdictOf } from "./verdict.ts";
import { watch } from "./watch.ts";

const OVERVIEW_EVERY_MS = 2_000;
/** The same interval, so that charts and tiles show the same moment. */
const SERIES_EVERY_MS = OVERVIEW_EVERY_MS;
/** A hanging node keeps its connection; after a timeout the next poll can reach another node. */
const ANSWER_MAX_MS = 5_000;
const TICK_MS = 1_000;
/** Older data is stale. */
const FRESH_MAX_MS = 6_000;

/** What a node of the version before, which may answer during an upgrade, does not send. */
const UNKNOWN_TO_OLDER_NODES = { failures: [], failed_runs: [] };

export const overview = signal<Overview | null>(null);
export const series = signal<Series | null>(null);
/** The node whose series to poll; null for all nodes. */
export const wantedNode = signal<string | null>(null);
/** The node of the current series; null for all nodes. */
export const shownNode = signal<string | null>(null);
/** Why the last poll failed; null if it succeeded. */
export const problem = signal<ThreadcastError | null>(null);
export const isPaused = signal(false);
/** The current and past troubles that this page saw. */
export const seen = signal<Seen>(NOTHING_SEEN);
const answeredAt = signal<number | null>(null);
const now = signal(performance.now());
/** For how many ticks the page has been awake since the last overview. */
let ticks = 0;

/** The age of the overview, seconds; null before the first. */
export const ageS = computed(() =>
  answeredAt.value === null ? null : Math.max(0, (now.value - answeredAt.value) / 1_000),
);

/** Whether the overview is stale. */
export const isStale = computed(() => (ageS.value ?? 0) * 1_000 > FRESH_MAX_MS);

/** The server's time now, seconds since the epoch, so that ages go on between polls. */
export const serverNow = computed(() => (overview.value?.at ?? 0) + (ageS.value ?? 0));

/** Poll while somebody is signed in and the page is visible. */
export function followServer(): void {
  setInterval(() => {
    if (document.hidden) return;
    now.value = performance.now();
    ticks += 1;
  }, TICK_MS);
  effect(() => {
    if (access.value !== null) return follow(access.value.server);
    forget();
  });
}

function forget(): void {
  overview.value = null;
  series.value = null;
  wantedNode.value = null;
  problem.value = null;
  answeredAt.value = null;
  seen.value = NOTHING_SEEN;
}

/** Record an overview's troubles, and the outage before it unless the computer slept. */
function remember(before: Overview | null, after: Overview): void {
  const isAwake = ticks * TICK_MS > FRESH_MAX_MS / 2;
  const known =
    before !== null && isStale.peek() && isAwake
      ? sawSilence(seen.peek(), before, after)
      : seen.peek();
  seen.value = sawTroubles(known, verdictOf(after).troubles, after);
  ticks = 0;
}

function follow(server: Server): () => void {
  const stops = [
    watch<Overview>(
      () => server.get("ops/overview", {}, ANSWER_MAX_MS),
      OVERVIEW_EVERY_MS,
      (state) => {
        const { answer } = state;
        if (state.isPaused) ticks = 0;
        if (answer !== null && answer !== overview.peek()) remember(overview.peek(), answer);
        overview.value = answer && { ...UNKNOWN_TO_OLDER_NODES, ...answer };
        answeredAt.value = state.answeredAt;
        problem.value = state.problem;
        isPaused.value = state.isPaused;
        now.value = performance.now();
      },
    ),
    effect(() => followSeries(server, wantedNode.value)),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** The previous series stays until there is one of this node. */
function followSeries(server: Server, node: string | null): () => void {
  return watch<Series>(
    (before) => readSeries(server, node, before),
    SERIES_EVERY_MS,
    ({ answer, problem: refusal }) => {
      if (answer !== null) [series.value, shownNode.value] = [answer, node];
      if (refusal?.status === 404) wantedNode.value = null;
    },
  );
}

async function readSeries(
  server: Server,
  node: string | null,
  before: Series | null,
): Promise<Series> {
  const wanted = { since: sinceOf(before), node_id: node };
  const answer = await server.get<Series>("ops/series", wanted, ANSWER_MAX_MS);
  const whole = { node_id: node };
  return extended(before, answer) ?? server.get<Series>("ops/series", whole, ANSWER_MAX_MS);
}
