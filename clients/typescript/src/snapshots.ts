/** Reads over HTTP what was there before the events that the connection brings. */
import type { ThreadcastError } from "./error.ts";
import { emptyHistory, foldHistory } from "./history.ts";
import type { Http } from "./http.ts";
import type { ChatState, History } from "./model.ts";
import type { EventPage, MessagePage, ThreadPage, ThreadSnapshot } from "./protocol.ts";
import {
  beginReading,
  failReading,
  finishReading,
  withThreadPage,
  withThreadSnapshot,
} from "./state.ts";

const THREADS = "v1/threads";

interface Owner {
  change(change: (state: ChatState) => ChatState): void;
  /** @param id the thread that could not be read */
  fail(error: ThreadcastError, id: string): void;
  done(): void;
}

export class Snapshots {
  #http: Http;
  #owner: Owner;
  #reading = new Set<string>();

  constructor(http: Http, owner: Owner) {
    this.#http = http;
    this.#owner = owner;
  }

  /** A page of threads; with the first one the state gets its cursor. */
  async readThreads(before?: string | null): Promise<void> {
    const query = before ? `&before=${before}` : "";
    const page = await this.#http.request<ThreadPage>("GET", `${THREADS}?limit=50${query}`);
    this.#owner.change((state) => withThreadPage(state, page));
  }

  /** A thread that only events told of. */
  readThread(id: string): Promise<void> {
    return this.#guard(id, async () => {
      const snapshot = await this.#http.request<ThreadSnapshot>("GET", `${THREADS}/${id}`);
      this.#owner.change((state) => withThreadSnapshot(state, snapshot));
    });
  }

  /**
   * Read a thread's history: the latest messages say how far back, its events say the rest.
   *
   * @param further how many pages of messages to go back
   */
  readHistory(id: string, further: number): Promise<void> {
    return this.#guard(id, async () => {
      this.#owner.change((state) => beginReading(state, id));
      try {
        const history = await this.#history(id, await this.#beginning(id, further));
        this.#owner.change((state) => finishReading(state, id, history));
      } catch (error) {
        this.#owner.change((state) => failReading(state, id));
        throw error;
      }
    });
  }

  /** The seq after which the events of the latest `pages` pages of messages begin. */
  async #beginning(id: string, pages: number): Promise<number> {
    let query = "";
    let after = 0;
    for (let page = 0; page < pages; page += 1) {
      const { messages, next } = await this.#http.request<MessagePage>(
        "GET",
        `${THREADS}/${id}/messages?limit=50${query}`,
      );
      if (next === null) return 0;
      after = (messages.find(({ role }) => role === "user")?.seq ?? after + 1) - 1;
      query = `&before=${next}`;
    }
    return after;
  }

  async #history(id: string, after: number): Promise<History> {
    let history = emptyHistory(after, after > 0);
    for (let next: number | null = after; next !== null; ) {
      const page: EventPage = await this.#http.request(
        "GET",
        `${THREADS}/${id}/events?limit=200&after=${next}`,
      );
      history = foldHistory(history, page.events) ?? history;
      next = page.next;
      if (next === null) history = { ...history, upTo: Math.max(history.upTo, page.seq) };
    }
    return history;
  }

  async #guard(id: string, work: () => Promise<void>): Promise<void> {
    if (this.#reading.has(id)) return;
    this.#reading.add(id);
    try {
      await work();
    } catch (error) {
      this.#owner.fail(error as ThreadcastError, id);
    } finally {
      this.#reading.delete(id);
      this.#owner.done();
    }
  }
}
