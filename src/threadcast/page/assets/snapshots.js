/** Reads over HTTP what was there before the events that the connection brings. */

import { emptyHistory, foldIntoHistory } from "./history.js";
import { beginReading, failReading, finishReading, withRunning, withThreadPage,
  withThreadSnapshot } from "./state.js";

const GLANCES_AT_ONCE = 2;
const RECENT_S = 600;
const ENDINGS = new Set([
  "agent_completed", "agent_failed", "agent_cancelled", "thread_created", "thread_updated",
]);

export class Snapshots {
  #api;
  #owner;
  #reading = new Set();
  #glanced = new Set();
  #toGlance = [];
  #glancing = 0;

  /** @param owner `{ change(state => state), fail(error, what), done() }` */
  constructor(api, owner) {
    this.#api = api;
    this.#owner = owner;
  }

  /** The latest threads; with the first page the state gets its cursor. */
  async readThreads(before) {
    const page = await this.#api.threads({ before });
    this.#owner.change((state) => withThreadPage(state, page));
  }

  /** A thread that only events told of. */
  readThread(id) {
    return this.#guard(`thread ${id}`, async () => {
      const snapshot = await this.#api.thread(id);
      this.#owner.change((state) => withThreadSnapshot(state, snapshot));
    });
  }

  /** Somebody looks at this thread in the list: find out whether a run is under way. */
  async glance(thread) {
    const isOld = Date.now() / 1000 - thread.updatedAt > RECENT_S;
    if (isOld || this.#glanced.has(thread.id)) return;
    this.#glanced.add(thread.id);
    this.#toGlance.push(thread);
    if (this.#glancing === GLANCES_AT_ONCE) return;
    this.#glancing += 1;
    for (let next = this.#toGlance.shift(); next !== undefined; next = this.#toGlance.shift()) {
      await this.#guard(`glance ${next.id}`, () => this.#glance(next));
    }
    this.#glancing -= 1;
  }

  /**
   * Read a thread's history: the latest messages say how far back, its events say the rest.
   *
   * @param further how many pages of messages to go back
   */
  readHistory(id, further = 1) {
    return this.#guard(`history ${id}`, async () => {
      this.#owner.change((state) => beginReading(state, id));
      try {
        const { after, hasEarlier } = await this.#beginning(id, further);
        const history = await this.#history(id, after, hasEarlier);
        this.#owner.change((state) => finishReading(state, id, history));
      } catch (error) {
        this.#owner.change((state) => failReading(state, id));
        throw error;
      }
    });
  }

  /** The seq after which the events of the latest `pages` pages of messages begin. */
  async #beginning(id, pages) {
    let before;
    let after = 0;
    for (let page = 0; page < pages; page += 1) {
      const answer = await this.#api.messages(id, { before });
      const first = answer.messages.find(({ role }) => role === "user");
      if (answer.next === null) return { after: 0, hasEarlier: false };
      if (first !== undefined) after = first.seq - 1;
      before = answer.next;
    }
    return { after, hasEarlier: true };
  }

  async #history(id, after, hasEarlier) {
    let history = emptyHistory(after, hasEarlier);
    for (let next = after; next !== null;) {
      const page = await this.#api.events(id, { after: next });
      for (const event of page.events) history = foldIntoHistory(history, event);
      if (page.next === null) history = { ...history, upTo: Math.max(history.upTo, page.seq) };
      next = page.next;
    }
    return history;
  }

  /** The snapshot says where a thread's latest event is, but not what it is. */
  async #glance({ id, order }) {
    const { events } = await this.#api.events(id, { after: order - 1, limit: 1 });
    const last = events[0];
    if (!last?.run_id || ENDINGS.has(last.event_type)) return;
    this.#owner.change((state) => withRunning(state, id, { runId: last.run_id, seq: last.seq }));
  }

  async #guard(key, work) {
    if (this.#reading.has(key)) return;
    this.#reading.add(key);
    try {
      await work();
    } catch (error) {
      this.#owner.fail(error, key);
    } finally {
      this.#reading.delete(key);
      this.#owner.done();
    }
  }
}
