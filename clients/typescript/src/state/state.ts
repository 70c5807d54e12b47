/**
 * Reducers for the state of a user interface.
 *
 * Pure: every function takes a state and returns the next one, which shares what did not change.
 * Knows nothing of connections, HTTP or the document.
 *
 * `seq`, `at` and `feed` are the cursor: the state includes all events up to `seq`. A thread's
 * `history` has a cursor of its own (`upTo`), because it is read over HTTP while events flow.
 */

import type { JournalEvent, RunStatus, Thread, ThreadPage } from "../protocol.ts";
import { endsRun, isActive } from "../runs.ts";
import { emptyHistory, foldHistory, joined } from "./history.ts";
import type { ChatState, History, Table, ThreadView } from "./model.ts";
import { tableOf, withoutRows, withRows } from "./table.ts";

const PREVIEW_MAX_CHARACTERS = 80;
const DELETED_MAX = 1_000;
type EventType = JournalEvent["event_type"];

const MOVES: readonly EventType[] = ["thread_created", "message_created", "input_requested"];
/** The status of a run after these events, as far as a single event tells. */
const STATUS_AFTER: Partial<Record<EventType, RunStatus>> = {
  message_created: "queued",
  run_queued: "queued",
  agent_started: "running",
  input_requested: "waiting",
};

export const emptyState = (): ChatState => ({
  user: null,
  feed: null,
  seq: null,
  at: null,
  threads: tableOf(),
  recent: [],
  olderThreads: null,
  deleted: [],
  unreadable: {},
});

/** The state after one journal event; an event that it already includes changes nothing. */
export const applyEvent = (state: ChatState, event: JournalEvent): ChatState =>
  applyEvents(state, [event]);

/** The state after many events, in order of seq; costs little more than one. */
export function applyEvents(state: ChatState, events: readonly JournalEvent[]): ChatState {
  const known = state.seq ?? Number.POSITIVE_INFINITY;
  const news = events.filter(({ seq }) => seq > known);
  const last = news.at(-1);
  if (!last) return state;
  const perThread = Map.groupBy(news, ({ thread_id = "" }) => thread_id);
  perThread.delete("");
  const threads = [...perThread].map(
    ([id, some]) => [id, foldThread(state.threads.get(id), id, some)] as const,
  );
  const gone = threads.flatMap(([id, thread]) => (thread ? [] : id));
  const deleted = gone.length ? [...state.deleted, ...gone].slice(-DELETED_MAX) : state.deleted;
  return { ...withThreads(state, threads), deleted, seq: last.seq, at: last.timestamp };
}

/** The state with a page of `GET v1/threads`, which may be stale. The first one sets the cursor. */
export const withThreadPage = (state: ChatState, page: ThreadPage): ChatState => ({
  ...withThreads(
    state,
    page.threads
      .filter(({ thread_id }) => !state.deleted.includes(thread_id))
      .map((one) => [one.thread_id, foldSnapshot(state, one, page.seq)]),
  ),
  seq: state.seq ?? page.seq,
  olderThreads: page.next,
});

/** The state with a thread's history; the events that arrived while it was read continue it. */
export function finishReading(state: ChatState, id: string, history: History): ChatState {
  const next = foldHistory(history, state.threads.get(id)?.waiting ?? []);
  const { runs, upTo } = next ?? history;
  return changeThread(state, id, {
    history: next ?? history,
    hasGap: next === null,
    active: Object.fromEntries(
      [...runs.values()].filter(isActive).map((run) => [run.id, run.status]),
    ),
    activeSeq: upTo,
    waiting: null,
  });
}

/** The state with the histories of these threads only; others are read again when opened. */
export const keepHistories = (state: ChatState, ids: readonly string[]): ChatState =>
  withThreads(
    state,
    [...state.threads.values()]
      .filter(({ id, history, waiting }) => history && !waiting && !ids.includes(id))
      .map((thread) => [thread.id, { ...thread, history: null, hasGap: false }]),
  );

/** The state with a page of earlier messages of a thread. */
export function finishReadingEarlier(state: ChatState, id: string, earlier: History): ChatState {
  const history = state.threads.get(id)?.history;
  if (!history || history.from !== earlier.upTo) return state;
  const { from, before, hasEarlier } = earlier;
  const whole = joined(earlier, history);
  return changeThread(state, id, {
    history: whole ?? { ...history, from, before, hasEarlier },
    hasGap: whole === null,
  });
}

export const needsReading = ({ waiting, history, hasGap }: ThreadView): boolean =>
  waiting === null && (history === null || hasGap);

/** Whether any of its runs has not ended. */
export function isRunning(thread: ThreadView): boolean {
  for (const _ in thread.active) return true;
  return false;
}

/** The title, or the first line of the first message; empty while neither is known. */
export const titleOf = ({ title, preview }: Pick<ThreadView, "title" | "preview">): string =>
  title || preview?.trim().split("\n", 1)[0] || "";

/** The state with these threads; null removes one. Sorts only if the order has changed. */
function withThreads(
  state: ChatState,
  changed: readonly (readonly [string, ThreadView | null])[],
): ChatState {
  const known = state.threads;
  const news = changed.filter(([id, thread]) => thread !== (known.get(id) ?? null));
  if (news.length === 0) return state;
  const gone = news.flatMap(([id, thread]) => (thread ? [] : id));
  const kept = news.flatMap(([, thread]) => thread ?? []);
  const threads = withRows(gone.length ? withoutRows(known, gone) : known, kept);
  const isMoved = news.some(([id, thread]) => thread?.order !== known.get(id)?.order);
  return { ...state, threads, recent: isMoved ? inOrder(threads) : state.recent };
}

const inOrder = (threads: Table<ThreadView>) =>
  [...threads.values()].sort((a, b) => b.order - a.order).map(({ id }) => id);

export function changeThread(state: ChatState, id: string, fields: Partial<ThreadView>): ChatState {
  const thread = state.threads.get(id);
  return thread ? withThreads(state, [[id, { ...thread, ...fields }]]) : state;
}

const newThread = (id: string): ThreadView => ({
  id,
  title: null,
  titleSeq: 0,
  preview: null,
  metadata: {},
  isKnown: false,
  order: 0,
  updatedAt: 0,
  active: {},
  activeSeq: 0,
  history: null,
  waiting: null,
  hasGap: false,
});

/** A thread with a snapshot taken at `seq`; what later events changed wins. */
function foldSnapshot({ threads }: ChatState, snapshot: Thread, seq: number): ThreadView {
  const thread = threads.get(snapshot.thread_id) ?? newThread(snapshot.thread_id);
  const { title, metadata } = thread.titleSeq > seq ? thread : snapshot;
  const live = thread.activeSeq > seq ? undefined : snapshot.live_runs;
  return {
    ...thread,
    title,
    metadata,
    active: live
      ? Object.fromEntries(live.map(({ run_id, status }) => [run_id, status]))
      : thread.active,
    isKnown: true,
    preview: thread.preview ?? snapshot.preview,
    order: Math.max(thread.order, snapshot.last_seq),
    updatedAt: Math.max(thread.updatedAt, snapshot.updated_at),
  };
}

/** A thread after its events; null if it was deleted. */
function foldThread(
  known: ThreadView | undefined,
  id: string,
  events: readonly JournalEvent[],
): ThreadView | null {
  let thread = known ?? newThread(id);
  for (const event of events) {
    if (event.event_type === "thread_deleted") return null;
    thread = foldSummary(thread, event);
  }
  const { waiting, history, hasGap } = thread;
  if (waiting) thread = { ...thread, waiting: [...waiting, ...events] };
  else if (history && !hasGap) {
    const next = foldHistory(history, events);
    thread = { ...thread, history: next ?? history, hasGap: next === null };
  }
  return events.reduce(foldActive, thread);
}

function foldSummary(thread: ThreadView, event: JournalEvent): ThreadView {
  const { event_type: type, seq, timestamp } = event;
  let next = thread;
  // As on the server: neither a new title nor a running tool moves a thread.
  if (MOVES.includes(type) || endsRun(type)) next = { ...next, order: seq, updatedAt: timestamp };
  if (type === "thread_created") {
    // A history that begins with the thread is complete.
    next = { ...next, isKnown: true, history: next.history ?? emptyHistory(seq) };
  }
  if (type === "thread_created" || type === "thread_updated") {
    const { title, metadata } = event.data;
    next = { ...next, title, metadata, titleSeq: seq };
  }
  // In a thread that has not been read yet, this need not be the first message.
  if (type === "message_created" && next.isKnown && next.preview === null) {
    next = { ...next, preview: previewOf(event.data.content) };
  }
  return next;
}

/** The statuses of a thread's runs: from its history, or from the event; otherwise read it again. */
function foldActive(thread: ThreadView, event: JournalEvent): ThreadView {
  const { event_type: type, run_id: id, seq: activeSeq } = event;
  if (id === undefined) return thread;
  const run = thread.waiting || thread.hasGap ? undefined : thread.history?.runs.get(id);
  if (endsRun(type) || (run && !isActive(run))) {
    const { [id]: _ended, ...active } = thread.active;
    return { ...thread, active, activeSeq };
  }
  const status = run?.status ?? STATUS_AFTER[type];
  if (!run && mayAskMore(event)) thread = { ...thread, isKnown: false };
  if (status === undefined || thread.active[id] === status) return thread;
  return { ...thread, active: { ...thread.active, [id]: status }, activeSeq };
}

/** Whether the run may have another open question, which this event does not tell. */
const mayAskMore = (event: JournalEvent) =>
  event.event_type === "input_received" ||
  (event.event_type === "agent_started" && event.data.attempt > 1);

/** The beginning of a message, cut as the server cuts `preview`. */
const previewOf = (content: string) =>
  [...content.trimStart().slice(0, 2 * PREVIEW_MAX_CHARACTERS)]
    .slice(0, PREVIEW_MAX_CHARACTERS)
    .join("");
