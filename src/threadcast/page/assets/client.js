/**
 * Joins session, connection, snapshots and outbox into one thing that keeps a state up to date.
 *
 * It knows nothing of the document: `owner.onChange()` says that there is something new to show.
 */

import { Api, Problem } from "./api.js";
import { Connection, Disconnected, Rejected } from "./connection.js";
import { FINAL } from "./history.js";
import { Outbox } from "./outbox.js";
import { SignedOut } from "./session.js";
import { Snapshots } from "./snapshots.js";
import { applyEvent, emptyState, keepHistories, needsReading } from "./state.js";

const HISTORIES_MAX = 12;
const MISSING = new Set(["not_found", "bad_id", "legacy_id"]);

export class Client {
  state = emptyState();
  status = { phase: "signed_out", reason: "" };
  openId = null;
  /** What could not be read, by thread: `missing` where there is no such thread, else `failed`. */
  failedReads = new Map();
  #owner;
  #isOurs = false;
  #opened = [];
  #pages = new Map();

  /**
   * @param owner `{ onChange(), onThread(draft, threadId), onProblem(text), onOpenDeleted(),
   *   onOtherUser() }`
   */
  constructor(session, owner) {
    this.#owner = owner;
    this.api = new Api(session);
    this.connection = new Connection(session, {
      onReady: (ready) => this.#guard(() => this.#ready(ready)),
      onAttached: (data) => this.#guard(() => this.#attached(data)),
      onEvent: (event) => this.#event(event),
      onStatus: (status) => this.#statusIs(status),
    });
    this.outbox = new Outbox({
      onChange: () => owner.onChange(),
      onThread: (draft, threadId) => owner.onThread(draft, threadId),
    });
    this.#forget();
  }

  /** Whether the state that is here is known to be that of who is signed in. */
  get isOurs() {
    return this.#isOurs || this.state.user === null;
  }

  start() {
    this.connection.open();
  }

  /** End the connection and forget everything. */
  end(reason = "") {
    this.connection.close();
    this.outbox.clear();
    this.openId = null;
    this.#forget();
    this.state = emptyState();
    this.status = { phase: "signed_out", reason };
  }

  /** Make this thread the open one; null for none. */
  open(id) {
    this.openId = id;
    if (id !== null) {
      this.#opened = [id, ...this.#opened.filter((one) => one !== id)].slice(0, HISTORIES_MAX);
      this.state = keepHistories(this.state, this.#opened);
      this.failedReads.delete(id);
      this.#readWhatIsMissing();
    }
    this.#owner.onChange();
  }

  /** Read one page of messages more of the open thread. */
  readEarlier() {
    const id = this.openId;
    this.#pages.set(id, (this.#pages.get(id) ?? 1) + 1);
    return this.snapshots.readHistory(id, this.#pages.get(id));
  }

  readAgain() {
    this.failedReads.delete(this.openId);
    this.#readWhatIsMissing();
    this.#owner.onChange();
  }

  readOlderThreads() {
    return this.#guard(() => this.snapshots.readThreads(this.state.olderThreads), false);
  }

  /** Somebody looks at this thread in the list. */
  glance(id) {
    const thread = this.state.threads[id];
    if (thread?.known && thread.history === null && id !== this.openId) this.snapshots.glance(thread);
  }

  async rename(id, title) {
    await this.#guard(() => this.api.rename(id, title), false);
  }

  async remove(id) {
    await this.#guard(() => this.api.remove(id), false);
  }

  /** The server knows who we are: begin, or go on from the cursor. */
  async #ready({ user_id: user, feed }) {
    if (this.state.user !== null && this.state.user !== user) {
      this.#forget();
      this.outbox.clear();
      this.#owner.onOtherUser();
    }
    this.state = { ...this.state, user };
    this.#isOurs = true;
    if (this.state.seq === null) {
      const { snapshots } = this;
      await snapshots.readThreads();
      if (snapshots !== this.snapshots) return;
      this.state = { ...this.state, feed };
    }
    const { seq: after, feed: known, at } = this.state;
    await this.connection.attach({ after, feed: known ?? feed, at });
  }

  /** The cursor stands, or cannot be continued: then everything is read anew. */
  async #attached({ reset, feed }) {
    if (!reset) {
      this.state = { ...this.state, feed: feed ?? this.state.feed };
      this.outbox.connected(this.connection);
      this.#readWhatIsMissing();
      return;
    }
    this.#forget();
    await this.#ready({ user_id: this.state.user, feed });
  }

  #event(event) {
    this.#change((state) => applyEvent(state, event));
    if (event.event_type === "thread_deleted" && event.thread_id === this.openId) {
      this.#owner.onOpenDeleted();
    }
    if (event.event_type === "message_created") {
      this.outbox.arrived(event.data.client_message_id, event.thread_id);
    } else if (event.event_type === "input_received") {
      this.outbox.drop(`${event.run_id} ${event.data.input_id}`);
    }
    const run = this.state.threads[event.thread_id]?.history?.runs[event.run_id];
    if (run !== undefined && FINAL.has(run.status)) this.outbox.runEnded(event.run_id);
    const thread = this.state.threads[event.thread_id];
    if (thread !== undefined && !thread.known) this.snapshots.readThread(thread.id);
  }

  #change(change) {
    const next = change(this.state);
    if (next === this.state) return;
    this.state = next;
    this.#settleAccepted();
    this.#readWhatIsMissing();
    this.#owner.onChange();
  }

  /** A message can be in a history that was read before its own event came. */
  #settleAccepted() {
    for (const { status, key, seq, thread } of this.outbox.entries) {
      const history = this.state.threads[thread]?.history;
      if (status === "accepted" && history !== undefined && history !== null
        && seq <= history.upTo) this.outbox.drop(key);
    }
  }

  #readWhatIsMissing() {
    const id = this.openId;
    if (id === null || this.state.seq === null || this.failedReads.has(id)) return;
    const thread = this.state.threads[id];
    if (thread === undefined) this.snapshots.readThread(id);
    else if (needsReading(thread)) this.snapshots.readHistory(id, this.#pages.get(id) ?? 1);
  }

  #readFailed(error, what) {
    if (error instanceof SignedOut || error.status === 401) {
      this.#signedOut(error.message);
    } else if (error instanceof Problem) {
      const [kind, id] = what.split(" ");
      if (kind !== "glance") {
        this.failedReads.set(id, MISSING.has(error.code) ? "missing" : "failed");
      }
      this.#owner.onChange();
    } else throw error;
  }

  /** @param isVital whether the connection is of no use without it */
  async #guard(work, isVital = true) {
    try {
      await work();
    } catch (error) {
      if (error instanceof SignedOut || error.status === 401) this.#signedOut(error.message);
      else if (error instanceof Problem || error instanceof Rejected
        || error instanceof TypeError) {
        if (isVital) this.connection.restart();
        else this.#owner.onProblem(error.message);
      } else if (!(error instanceof Disconnected)) throw error;
    }
  }

  #statusIs(status) {
    this.status = status;
    if (status.phase === "signed_out") this.#isOurs = false;
    if (status.phase !== "live" && status.phase !== "attaching") this.outbox.disconnected();
    if (status.phase === "live") this.#tryAgain();
    this.#readWhatIsMissing();
    this.#owner.onChange();
  }

  /** The connection is back: what failed to be read without it may be read now. */
  #tryAgain() {
    for (const [id, how] of this.failedReads) if (how === "failed") this.failedReads.delete(id);
    for (const { id, known } of Object.values(this.state.threads)) {
      if (!known) this.snapshots.readThread(id);
    }
  }

  #signedOut(reason) {
    this.#isOurs = false;
    this.connection.close();
    this.#statusIs({ phase: "signed_out", reason });
  }

  /** What is still being read for the state of before is not taken any more. */
  #forget() {
    const { user } = this.state;
    const isCurrent = () => this.snapshots === snapshots;
    const snapshots = new Snapshots(this.api, {
      change: (change) => isCurrent() && this.#change(change),
      fail: (error, what) => isCurrent() && this.#readFailed(error, what),
      done: () => isCurrent() && this.#readWhatIsMissing(),
    });
    this.snapshots = snapshots;
    this.failedReads.clear();
    this.#pages.clear();
    this.state = { ...emptyState(), user };
  }
}
