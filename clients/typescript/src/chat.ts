/** A client that also keeps the state of a chat user interface. */
import { Client } from "./client/client.ts";
import type { Entry } from "./client/outbox.ts";
import type { Status } from "./connection/status.ts";
import { troubleOfStore } from "./connection/store_check.ts";
import type { ThreadcastError } from "./error.ts";
import { Http } from "./http/http.ts";
import type {
  JournalEvent,
  KnownErrorCode,
  ThreadAnswer,
  ThreadPage,
  ThreadSnapshot,
  UpdateThreadBody,
} from "./protocol.ts";
import type { ChatState } from "./state/model.ts";
import { readEarlier, readHistory } from "./state/snapshots.ts";
import {
  applyEvents,
  changeThread,
  emptyState,
  finishReading,
  finishReadingEarlier,
  keepHistories,
  needsReading,
  withThreadPage,
} from "./state/state.ts";

export { randomKey } from "./client/random_key.ts";
export { endsRun, isActive } from "./runs.ts";
export { emptyHistory, textOf } from "./state/history.ts";
export { applyEvent, applyEvents, emptyState, isRunning, titleOf } from "./state/state.ts";
export { tableOf } from "./state/table.ts";

const HISTORIES_MAX = 12;
const CHECK_MS = 10_000;
/** The errors that mean that there is no such thread. */
const MISSING: readonly string[] = ["not_found", "bad_id", "legacy_id"] satisfies KnownErrorCode[];

type Change = (state: ChatState) => ChatState;

export class ChatClient extends Client {
  #state: ChatState = emptyState();
  #openId: string | null = null;
  #http = new Http(this.base, this.credential);
  #opened: string[] = [];
  /** When the server's store was last checked. */
  #checkedMs = 0;
  /** The ids being read. Replaced when the state is dropped, so that stale responses are ignored. */
  #reading = new Set<string>();

  get state(): ChatState {
    return this.#state;
  }

  /** The id of the open thread. */
  get openId(): string | null {
    return this.#openId;
  }

  /** Open a thread and read its history; null for none. */
  open(id: string | null): void {
    this.#openId = id;
    if (id) {
      this.#opened = [id, ...this.#opened.filter((one) => one !== id)].slice(0, HISTORIES_MAX);
      const { [id]: failed, ...unreadable } = this.#state.unreadable;
      const state = failed ? changeThread(this.#state, id, { history: null }) : this.#state;
      this.#state = { ...keepHistories(state, this.#opened), unreadable };
      this.#readWhatIsMissing();
    }
    this.changed();
  }

  /** Read another page of earlier messages of the open thread. */
  async readEarlier(): Promise<void> {
    const id = this.#openId ?? "";
    const history = this.#state.threads.get(id)?.history;
    if (!history?.hasEarlier) return;
    await this.#read(id, async (path) => {
      const earlier = await readEarlier(this.#http, path, history);
      return (state) => finishReadingEarlier(state, id, earlier);
    });
  }

  /** @throws ThreadcastError */
  async readOlderThreads(): Promise<void> {
    const before = this.#state.olderThreads;
    if (before) await this.#readThreads(before);
  }

  /** @throws ThreadcastError */
  async createThread(fields: UpdateThreadBody = {}): Promise<string> {
    const { thread_id }: ThreadAnswer = await this.#http.request("POST", "v1/threads", fields);
    return thread_id;
  }

  /** @throws ThreadcastError */
  async updateThread(id: string, fields: UpdateThreadBody): Promise<void> {
    await this.#http.request("PATCH", `v1/threads/${id}`, fields);
  }

  /** @throws ThreadcastError */
  async deleteThread(id: string): Promise<void> {
    await this.#http.request("DELETE", `v1/threads/${id}`);
  }

  override signOut(): void {
    this.#openId = null;
    super.signOut();
  }

  protected override forget(): void {
    super.forget();
    this.#reading = new Set();
    this.#state = emptyState();
  }

  protected override async begin(): Promise<number | null> {
    await this.#readThreads();
    return this.#state.seq;
  }

  protected override take(events: readonly JournalEvent[]): void {
    this.#adopt(applyEvents(this.#state, events));
  }

  protected override shows(entry: Entry): boolean {
    return super.shows(entry) && !this.#state.threads.get(entry.thread ?? "")?.waiting;
  }

  protected override setStatus(status: Status): void {
    // What could not be read without a connection may be readable now.
    if (status.phase === "live") this.#state = { ...this.#state, unreadable: {} };
    super.setStatus(status);
    this.#readWhatIsMissing();
  }

  /** A silent run may mean that the server cannot store anything. */
  protected override async silent(): Promise<void> {
    if (this.#checkedMs + CHECK_MS > Date.now()) return;
    this.#checkedMs = Date.now();
    const trouble = await troubleOfStore(this.base);
    if (trouble !== undefined) this.connection.troubled(trouble);
  }

  #change(change: Change): void {
    this.#adopt(change(this.#state));
    this.changed();
  }

  #adopt(state: ChatState): void {
    const { feed, at } = this.cursor;
    this.#state = { ...state, user: this.user, feed, at: at ?? null };
    this.#readWhatIsMissing();
  }

  #readWhatIsMissing(): void {
    const id = this.#openId;
    const state = this.#state;
    if (state.seq === null) return;
    for (const one of state.threads.values()) if (!one.isKnown) this.#readThread(one.id);
    if (!id) return;
    const thread = state.threads.get(id);
    if (!thread) this.#readThread(id);
    else if (needsReading(thread)) this.#readHistory(id);
  }

  async #readThreads(before = ""): Promise<void> {
    const reading = this.#reading;
    const query = before && `&before=${before}`;
    const page: ThreadPage = await this.#http.get(`v1/threads?limit=50${query}`);
    if (reading === this.#reading) this.#change((state) => withThreadPage(state, page));
  }

  /** Read a thread that is known from events only, or not at all. */
  #readThread(id: string): Promise<void> {
    return this.#read(id, async (path) => {
      const { thread, seq }: ThreadSnapshot = await this.#http.get(path);
      return (state) => withThreadPage(state, { threads: [thread], seq, next: state.olderThreads });
    });
  }

  #readHistory(id: string): Promise<void> {
    return this.#read(id, async (path) => {
      // Queue the thread's events from now on, until its history has been read.
      this.#change((state) => changeThread(state, id, { waiting: [] }));
      const known = this.#state.threads.get(id)?.history ?? null;
      const history = await readHistory(this.#http, path, known);
      return (state) => finishReading(state, id, history);
    });
  }

  async #read(id: string, work: (path: string) => Promise<Change>): Promise<void> {
    const reading = this.#reading;
    if (reading.has(id) || this.#state.unreadable[id]) return;
    reading.add(id);
    let change: Change;
    try {
      change = await work(`v1/threads/${id}`);
    } catch (error) {
      const { code = "", status }: Partial<ThreadcastError> = Object(error);
      if (status === 401) this.connection.restart(error);
      const how = MISSING.includes(code) ? "missing" : "failed";
      change = (state) => ({
        ...changeThread(state, id, { waiting: null, hasGap: true }),
        unreadable: { ...state.unreadable, [id]: how },
      });
    }
    reading.delete(id);
    if (reading === this.#reading) this.#change(change);
  }
}
