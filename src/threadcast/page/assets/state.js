/**
 * What the page knows, and how events change it.
 *
 * Pure: every function takes a state and gives the next one, sharing what did not change. Knows
 * nothing of connections, HTTP or the document.
 *
 * `seq`, `at` and `feed` are the cursor: all events up to `seq` are in this state. A thread's
 * `history` has a cursor of its own (`upTo`), because it is read over HTTP while events flow.
 */

import { emptyHistory, foldIntoHistory, isActive } from "./history.js";

const PREVIEW_MAX = 80;
const MOVES_TO_TOP = new Set([
  "thread_created", "message_created", "agent_completed", "agent_failed", "agent_cancelled",
]);
const BEGINS_RUN = new Set(["message_created", "run_queued", "agent_started"]);
const ENDS_RUN = new Set(["agent_completed", "agent_failed", "agent_cancelled"]);

export function emptyState() {
  return { user: null, feed: null, seq: null, at: null, threads: {}, olderThreads: null };
}

/** The next state after one journal event; events that are already in it change nothing. */
export function applyEvent(state, event) {
  if (event.seq === undefined || state.seq === null || event.seq <= state.seq) return state;
  const next = { ...state, seq: event.seq, at: event.timestamp };
  const id = event.thread_id;
  if (id === undefined) return next;
  if (event.event_type === "thread_deleted") {
    const { [id]: _gone, ...threads } = state.threads;
    return { ...next, threads };
  }
  const thread = state.threads[id] ?? newThread(id, event);
  return withThread(next, foldHistory(foldSummary(thread, event), event));
}

/** A page of `GET v1/threads`. The first one sets the cursor. */
export function withThreadPage(state, page) {
  const threads = { ...state.threads };
  for (const snapshot of page.threads) {
    const known = threads[snapshot.thread_id] ?? blankThread(snapshot.thread_id);
    threads[snapshot.thread_id] = foldSnapshot(known, snapshot, page.seq);
  }
  return { ...state, threads, seq: state.seq ?? page.seq, olderThreads: page.next };
}

/** An answer of `GET v1/threads/{thread_id}`. */
export function withThreadSnapshot(state, { thread, seq }) {
  const known = state.threads[thread.thread_id] ?? blankThread(thread.thread_id);
  return withThread(state, foldSnapshot(known, thread, seq));
}

/**
 * A glance at a thread's latest event told that a run is under way.
 *
 * @param seq that of the event; events since then and a history know better
 */
export function withRunning(state, id, { runId, seq }) {
  const thread = state.threads[id];
  if (thread === undefined || thread.history !== null || thread.order > seq) return state;
  return withThread(state, { ...thread, active: { ...thread.active, [runId]: true } });
}

/** From here on, events of this thread wait until its history has been read. */
export function beginReading(state, id) {
  const thread = state.threads[id];
  return thread === undefined ? state : withThread(state, { ...thread, waiting: [] });
}

/** The history was read, true at `history.upTo`; events that waited continue it. */
export function finishReading(state, id, history) {
  const thread = state.threads[id];
  if (thread === undefined) return state;
  const active = {};
  for (const run of Object.values(history.runs)) if (isActive(run)) active[run.id] = true;
  let read = { ...thread, history, active, waiting: null, hasGap: false };
  for (const event of thread.waiting ?? []) read = foldHistory(foldActive(read, event), event);
  return withThread(state, read);
}

/** The history could not be read; what was there is no longer complete. */
export function failReading(state, id) {
  const thread = state.threads[id];
  if (thread === undefined) return state;
  return withThread(state, { ...thread, waiting: null, hasGap: thread.history !== null });
}

/** Forget the histories of all threads but these; they are read again when they are opened. */
export function keepHistories(state, ids) {
  const threads = {};
  for (const [id, thread] of Object.entries(state.threads)) {
    const keep = ids.includes(id) || thread.history === null || thread.waiting !== null;
    threads[id] = keep ? thread : { ...thread, history: null, hasGap: false };
  }
  return { ...state, threads };
}

export function needsReading(thread) {
  return thread.waiting === null && (thread.history === null || thread.hasGap);
}

export function isRunning(thread) {
  return Object.keys(thread.active).length > 0;
}

export function titleOf(thread) {
  return thread.title || firstLine(thread.preview) || "New conversation";
}

/** Threads, the one with the latest message or answer first. */
export function threadsInOrder(state) {
  return Object.values(state.threads).sort((a, b) => b.order - a.order);
}

function firstLine(text) {
  return text?.trim().split("\n", 1)[0] ?? "";
}

/** How a thread begins, as the server says it in `preview`. */
function previewOf(content) {
  return [...content.trimStart().slice(0, 2 * PREVIEW_MAX)].slice(0, PREVIEW_MAX).join("");
}

function withThread(state, thread) {
  return { ...state, threads: { ...state.threads, [thread.id]: thread } };
}

function blankThread(id) {
  return {
    id, title: null, titleSeq: 0, preview: null, metadata: {}, known: false, order: 0, updatedAt: 0,
    active: {}, history: null, waiting: null, hasGap: false,
  };
}

/** A thread that an event speaks of first. From `thread_created` on, its history is complete. */
function newThread(id, event) {
  const thread = blankThread(id);
  if (event.event_type !== "thread_created") return thread;
  return { ...thread, known: true, history: emptyHistory(event.seq, false) };
}

/** A snapshot is true at `seq`; what events since then told stays. */
function foldSnapshot(thread, snapshot, seq) {
  const next = {
    ...thread, known: true, preview: thread.preview ?? snapshot.preview,
    order: Math.max(thread.order, snapshot.last_seq),
    updatedAt: Math.max(thread.updatedAt, snapshot.updated_at),
  };
  if (thread.titleSeq > seq) return next;
  return { ...next, title: snapshot.title, metadata: snapshot.metadata };
}

function foldSummary(thread, event) {
  let next = foldActive(thread, event);
  if (MOVES_TO_TOP.has(event.event_type)) {
    next = { ...next, order: event.seq, updatedAt: event.timestamp };
  }
  if (event.event_type === "thread_created" || event.event_type === "thread_updated") {
    const { title = null, metadata = {} } = event.data;
    next = { ...next, title, metadata, titleSeq: event.seq };
  }
  // Of a thread that is not known yet, this need not be the first message.
  if (event.event_type === "message_created" && next.known && next.preview === null) {
    next = { ...next, preview: previewOf(event.data.content) };
  }
  return next;
}

function foldActive(thread, event) {
  if (BEGINS_RUN.has(event.event_type) && !thread.active[event.run_id]) {
    return { ...thread, active: { ...thread.active, [event.run_id]: true } };
  }
  if (ENDS_RUN.has(event.event_type) && thread.active[event.run_id]) {
    const { [event.run_id]: _ended, ...active } = thread.active;
    return { ...thread, active };
  }
  return thread;
}

function foldHistory(thread, event) {
  if (thread.waiting !== null) return { ...thread, waiting: [...thread.waiting, event] };
  if (thread.history === null || thread.hasGap || event.seq <= thread.history.upTo) return thread;
  if (event.first_seq !== undefined && event.first_seq <= thread.history.upTo) {
    // Several deltas in one, of which the history has only the first: it is read again.
    return { ...thread, hasGap: true };
  }
  return { ...thread, history: foldIntoHistory(thread.history, event) };
}
