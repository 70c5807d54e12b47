/** Reads over HTTP what was there before the events that the connection brings. */

import { emptyHistory, foldIntoHistory } from "./history.js";
import { beginReading, failReading, finishReading, withGlance, withThreadPage,
  withThreadSnapshot } from "./state.js";

const GLANCES_AT_ONCE = 4;
const RECENT_S = 600;
const ENDINGS = new Set([
  "agent_completed", "agent_failed", "agent_cancelled", "thread_created", "thread_updated",
]);

export class Snapshots {
  #api;
  #owner;
  #reading = new Set();
  #glanced = new Set();

  /** @param owner `{ change(state => state), fail(error, what), done() }` */
  constructor(api, owner) {
    this.#api = api;
    this.#owner = owner;
  }

  /** Forget what was looked at; everything will be read anew. */
  reset() {
    this.#reading.clear();
    this.#glanced.clear();
  }

  /** The latest threads; with the first page the state gets its cursor. */
  async readThreads(before) {
    const page = await this.#api.threads({ before });
    this.#owner.change((state) => withThreadPage(state, page));
    this.#glanceAtAll(page.threads);
  }

  /** A thread that only events told of. */
  readThread(id) {
    return this.#guard(`thread ${id}`, async () => {
      const { thread } = await this.#api.thread(id);
      this.#owner.change((state) => withThreadSnapshot(state, thread));
      await this.#glance(thread);
    });
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

  async #glanceAtAll(threads) {
    const queue = threads.filter((thread) => !this.#glanced.has(thread.thread_id));
    const worker = async () => {
      for (let thread = queue.shift(); thread !== undefined; thread = queue.shift()) {
        await this.#guard(`glance ${thread.thread_id}`, () => this.#glance(thread));
      }
    };
    await Promise.all(Array.from({ length: GLANCES_AT_ONCE }, worker));
  }

  /** What a list needs beside the snapshot: the first message for a title, and whether it runs. */
  async #glance(thread) {
    const id = thread.thread_id;
    this.#glanced.add(id);
    const glance = { firstMessage: null, runningRun: null, runningAt: 0 };
    if (!thread.title) {
      const { events } = await this.#api.events(id, { limit: 2 });
      const message = events.find(({ event_type: type }) => type === "message_created");
      glance.firstMessage = message?.data.content ?? null;
    }
    if (Date.now() / 1000 - thread.updated_at < RECENT_S) {
      const { events } = await this.#api.events(id, { after: thread.last_seq - 1, limit: 1 });
      const last = events[0];
      if (last?.run_id && !ENDINGS.has(last.event_type)) {
        Object.assign(glance, { runningRun: last.run_id, runningAt: last.seq });
      }
    }
    this.#owner.change((state) => withGlance(state, id, glance));
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
