/**
 * What the person asked for and the server has not yet answered.
 *
 * Each entry is sent until it is accepted or refused for good, over as many connections as that
 * takes. A message has one `client_message_id` for all of its life, so that it cannot be stored
 * twice. Entries are replaced, never changed, so that the view can compare them.
 */

import { Disconnected, Rejected } from "./connection.js";

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 15_000;

export class Outbox {
  entries = [];
  #connection = null;
  #owner;
  #timer = null;

  /** @param owner `{ onChange(), onThread(draft, threadId) }` */
  constructor(owner) {
    this.#owner = owner;
  }

  /** @param thread a thread's id, or null for the new thread that `draft` names */
  addMessage(content, { thread, draft }) {
    this.#add({ kind: "message", key: newKey(), content, thread, draft });
  }

  addAnswer(runId, inputId, value) {
    this.drop(`${runId} ${inputId}`);
    this.#add({ kind: "answer", key: `${runId} ${inputId}`, runId, inputId, value });
  }

  addCancel(runId) {
    if (this.find(runId) === undefined) this.#add({ kind: "cancel", key: runId, runId });
  }

  find(key) {
    return this.entries.find((entry) => entry.key === key);
  }

  drop(key) {
    if (this.find(key) === undefined) return;
    this.#replace(this.entries.filter((entry) => entry.key !== key));
  }

  /** Try a refused entry again. */
  retry(key) {
    this.#change(key, { status: "waiting", error: null, notBefore: 0 });
    this.#flush();
  }

  /** The message is in the journal, whoever says so first: the event or the answer. */
  arrived(key, threadId) {
    const entry = this.find(key);
    if (entry === undefined) return;
    this.#learnThread(entry, threadId);
    this.drop(key);
  }

  /** The run has ended: nothing is left to cancel or to answer in it. */
  runEnded(runId) {
    this.#replace(this.entries.filter((entry) => entry.runId !== runId));
  }

  clear() {
    this.#replace([]);
  }

  /** There is a connection to send over. */
  connected(connection) {
    this.#connection = connection;
    this.#flush();
  }

  disconnected() {
    this.#connection = null;
  }

  /** Whether leaving the page would lose a message. */
  get holdsMessages() {
    return this.entries.some(({ kind, status }) => kind === "message" && status !== "accepted");
  }

  #add(fields) {
    const entry = { status: "waiting", error: null, notBefore: 0, tries: 0, ...fields };
    this.#replace([...this.entries, { createdAt: Date.now() / 1000, ...entry }]);
    this.#flush();
  }

  #replace(entries) {
    const isSame = entries.length === this.entries.length
      && entries.every((entry, index) => entry === this.entries[index]);
    if (isSame) return;
    this.entries = entries;
    this.#owner.onChange();
  }

  #change(key, fields) {
    this.#replace(this.entries.map(
      (entry) => (entry.key === key ? { ...entry, ...fields } : entry),
    ));
  }

  #flush() {
    if (this.#connection === null) return;
    const draftsUnderWay = new Set();
    const now = Date.now();
    for (const entry of this.entries) {
      const isHeld = entry.kind === "message" && entry.thread === null
        && draftsUnderWay.has(entry.draft);
      if (entry.thread === null && entry.status !== "refused") draftsUnderWay.add(entry.draft);
      if (entry.status === "waiting" && !isHeld && entry.notBefore <= now) this.#send(entry);
    }
    this.#wakeUp(now);
  }

  #wakeUp(now) {
    clearTimeout(this.#timer);
    const times = this.entries
      .filter(({ status, notBefore }) => status === "waiting" && notBefore > now)
      .map(({ notBefore }) => notBefore);
    if (times.length > 0) {
      this.#timer = setTimeout(() => this.#flush(), Math.min(...times) - now);
    }
  }

  async #send(entry) {
    const { key } = entry;
    this.#change(key, { status: "sending" });
    try {
      const [command, fields] = commandOf(entry);
      this.#accepted(key, await this.#connection.request(command, fields));
    } catch (error) {
      if (error instanceof Disconnected) this.#change(key, { status: "waiting" });
      else if (error instanceof Rejected) this.#rejected(key, error);
      else throw error;
    }
  }

  #accepted(key, answer) {
    const entry = this.find(key);
    if (entry === undefined) return;
    if (entry.kind === "message") this.#learnThread(entry, answer.thread_id);
    this.#change(key, { status: "accepted", seq: answer.seq ?? null });
    if (entry.kind === "answer") this.drop(key);
  }

  #rejected(key, error) {
    const entry = this.find(key);
    if (entry === undefined) return;
    if (entry.kind !== "message" && entry.tries > 0 && error.code === "already_answered") {
      this.drop(key);
    } else if (error.retryable) {
      const backoffMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** entry.tries);
      const waitMs = (error.retryAfterMs ?? 0) + backoffMs * (0.5 + Math.random() / 2);
      this.#change(key, {
        status: "waiting", error: error.message, tries: entry.tries + 1,
        notBefore: Date.now() + waitMs,
      });
      this.#wakeUp(Date.now());
    } else if (entry.kind === "cancel") {
      this.drop(key);
    } else {
      this.#change(key, { status: "refused", error: error.message });
    }
  }

  /** The first message of a draft made its thread; those that waited behind it go there too. */
  #learnThread({ draft, thread }, threadId) {
    if (thread !== null || draft === null) return;
    this.#replace(this.entries.map(
      (entry) => (entry.draft === draft ? { ...entry, thread: threadId, draft: null } : entry),
    ));
    this.#owner.onThread(draft, threadId);
    this.#flush();
  }
}

function commandOf(entry) {
  if (entry.kind === "cancel") return ["cancel_run", { run_id: entry.runId }];
  if (entry.kind === "answer") {
    return ["respond", { run_id: entry.runId, input_id: entry.inputId, value: entry.value }];
  }
  const fields = { content: entry.content, client_message_id: entry.key };
  if (entry.thread !== null) fields.thread_id = entry.thread;
  return ["send_message", fields];
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
