/** Joins credential, connection, snapshots and outbox into one thing that keeps a state current. */
import { Connection } from "./connection.ts";
import { Credential, type TokenCall } from "./credential.ts";
import type { ThreadcastError } from "./error.ts";
import { Http } from "./http.ts";
import { type OpenLink, webSocket } from "./link.ts";
import type { ChatState, OutboxEntry, Status } from "./model.ts";
import { newKey, Outbox, type Sent } from "./outbox.ts";
import type {
  Attached,
  CreateThreadAccepted,
  JournalEvent,
  SendMessage,
  UpdateThreadBody,
} from "./protocol.ts";
import { Snapshots } from "./snapshots.ts";
import { applyEvents, ENDS_RUN, emptyState, keepHistories, needsReading } from "./state.ts";

const FRAME_MS = 16;
const QUEUE_MAX_EVENTS = 1_000;
const HISTORIES_MAX = 12;
const BUFFER_MAX_EVENTS = 10_000;
const OFFLINE_ANSWER_MAX_MS = 2_000;

export interface ClientOptions {
  /** Where the server is mounted. */
  url: string | URL;
  token: TokenCall;
  /** Where messages that wait outlive the page: `localStorage`. */
  storage?: Storage;
  /** The ways to the server, the best first. */
  transport?: readonly OpenLink[];
}

export interface SendOptions {
  /** Null or absent: a new thread. */
  threadId?: string | null;
  /** A name for the new thread; messages with the same name go into the same thread. */
  draft?: string;
  agent?: string;
  onBusy?: NonNullable<SendMessage["on_busy"]>;
}

type EventOf<Type> = Extract<JournalEvent, { event_type: Type }>;
type Handler = (event: never) => void;

export class Client {
  state: ChatState = emptyState();
  status: Status = { phase: "connecting", attempt: 0 };
  /** The id of the open thread. */
  openId: string | null = null;
  #base: URL;
  #credential: Credential;
  #http: Http;
  #connection: Connection;
  #outbox: Outbox;
  #snapshots: Snapshots;
  #opened: string[] = [];
  #pages = new Map<string, number>();
  #queue: JournalEvent[] = [];
  #listeners = new Set<() => void>();
  #handlers = new Map<string, Set<Handler>>();
  #flushedAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isScheduled = false;
  #head = 0;
  #ears: AbortController | undefined;

  constructor({ url, token, storage, transport = [webSocket] }: ClientOptions) {
    this.#base = new URL(String(url).replace(/\/?$/, "/"), globalThis.location?.href);
    this.#credential = new Credential(token);
    this.#http = new Http(this.#base, this.#credential);
    this.#outbox = new Outbox(storage, () => this.#schedule());
    this.#snapshots = this.#forget();
    this.#connection = new Connection(this.#base, this.#credential, transport, {
      onReady: (user, { feed }) => this.#guard(() => this.#ready(user, feed)),
      onAttached: (data) => this.#guard(() => this.#attached(data)),
      onEvents: (events) => this.#heard(events),
      onStatus: (status) => this.#statusIs(status),
    });
  }

  get outbox(): readonly OutboxEntry[] {
    return this.#outbox.entries;
  }

  /** Be connected from here on. */
  start(): void {
    this.close();
    this.#ears = new AbortController();
    const listen = (target: unknown, type: string, act: (event: StorageEvent) => void) =>
      (target as EventTarget | undefined)?.addEventListener?.(type, act as EventListener, {
        signal: (this.#ears as AbortController).signal,
      });
    listen(globalThis, "online", () => this.#connection.nudge());
    listen(globalThis, "offline", () => this.#connection.nudge(OFFLINE_ANSWER_MAX_MS));
    listen(globalThis, "storage", ({ key, newValue }) =>
      this.#outbox.storageChanged(key, newValue),
    );
    listen(globalThis.document, "visibilitychange", () => {
      if (!document.hidden) this.#connection.nudge();
    });
    this.#connection.open();
  }

  /** End the connection; what is known stays. */
  close(): void {
    this.#ears?.abort();
    this.#connection.close();
    this.#outbox.disconnected();
    this.#emit("", undefined);
  }

  /** End the connection and forget everything, what waits in the storage too. */
  signOut(): void {
    this.close();
    this.#outbox.clear();
    this.openId = null;
    this.#snapshots = this.#forget();
    this.state = emptyState();
    this.#statusIs({ phase: "signed_out", code: "", reason: "" });
  }

  /** Call back after `state`, `status` or `outbox` changed; at most once in a frame. */
  subscribe(listener: () => void): () => void {
    const own = () => listener();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Call back for each event of a type, in order, once it is in `state`; `*` for each event. */
  on<Type extends JournalEvent["event_type"]>(
    type: Type | "*",
    handler: (event: EventOf<Type>) => void,
  ): () => void {
    return this.#on(type, handler as Handler);
  }

  /**
   * The events from here on. What is not taken waits in a buffer of 10,000 events.
   *
   * @throws ThreadcastError `slow_reader`, from the iterator: there was no room in the buffer
   */
  events(): AsyncIterableIterator<JournalEvent> {
    const buffer: JournalEvent[] = [];
    let wake = () => {};
    let isOver = false;
    const stop = [
      this.#on("*", (event: JournalEvent) => {
        if (buffer.length < BUFFER_MAX_EVENTS) buffer.push(event);
        else isOver = true;
        wake();
      }),
      this.#on("", () => {
        isOver = true;
        wake();
      }),
    ];
    return (async function* () {
      try {
        for (;;) {
          for (const event of buffer.splice(0)) yield event;
          if (isOver) return;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        for (const one of stop) one();
      }
    })();
  }

  /** Make this thread the open one, and read its history; null for none. */
  open(id: string | null): void {
    this.openId = id;
    if (id !== null) {
      this.#opened = [id, ...this.#opened.filter((one) => one !== id)].slice(0, HISTORIES_MAX);
      const { [id]: _failed, ...unreadable } = this.state.unreadable;
      this.state = { ...keepHistories(this.state, this.#opened), unreadable };
      this.#readWhatIsMissing();
    }
    this.#schedule();
  }

  /** Read one page of messages more of the open thread. */
  async readEarlier(): Promise<void> {
    const id = this.openId;
    if (id === null) return;
    const pages = (this.#pages.get(id) ?? 1) + 1;
    this.#pages.set(id, pages);
    await this.#snapshots.readHistory(id, pages);
  }

  /** @throws ThreadcastError */
  async readOlderThreads(): Promise<void> {
    const before = this.state.olderThreads;
    if (before !== null) await this.#snapshots.readThreads(before);
  }

  /** Send a message, now or when there is a connection; resolves when it is stored. */
  send(content: string, { threadId, draft, agent, onBusy }: SendOptions = {}): Promise<Sent> {
    const key = newKey();
    return this.#outbox.add({
      kind: "message",
      key,
      content,
      thread: threadId ?? null,
      draft: threadId ? null : (draft ?? key),
      options: { ...(agent && { agent }), ...(onBusy && { on_busy: onBusy }) },
    });
  }

  /** The thread that the first message of a draft made; null while it is not known. */
  threadOf(draft: string): string | null {
    return this.#outbox.threads.get(draft) ?? null;
  }

  cancel(runId: string): void {
    if (this.outbox.every(({ key }) => key !== runId)) {
      this.#outbox.add({ kind: "cancel", key: runId, runId });
    }
  }

  respond(runId: string, inputId: string, value: unknown): void {
    this.#outbox.add({ kind: "answer", key: `${runId} ${inputId}`, runId, inputId, value });
  }

  /** Send a refused entry of the outbox again. */
  retry(key: string): void {
    this.#outbox.retry(key);
  }

  /** Take an entry out of the outbox. */
  discard(key: string): void {
    this.#outbox.drop(key);
  }

  /** @throws ThreadcastError */
  async createThread(fields: UpdateThreadBody = {}): Promise<string> {
    const { thread_id } = await this.#http.request<CreateThreadAccepted>(
      "POST",
      "v1/threads",
      fields,
    );
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

  /** The server knows who we are: begin, or go on from the cursor. */
  async #ready(user: string, feed: string | null): Promise<void> {
    if (this.state.user !== null && this.state.user !== user) {
      this.signOut();
      this.#statusIs({ phase: "stopped", code: "identity_change", reason: "" });
      return;
    }
    this.state = { ...this.state, user };
    this.#outbox.restore(`threadcast ${JSON.stringify([this.#base.href, user])} `);
    if (this.state.seq === null) {
      const snapshots = this.#snapshots;
      await snapshots.readThreads();
      if (snapshots !== this.#snapshots) return;
      this.state = { ...this.state, feed };
    }
    const { seq: after, feed: known, at } = this.state;
    const cursor = { after, feed: known ?? feed, ...(at && { at }) };
    await this.#connection.attach(cursor);
  }

  /** The cursor stands, or cannot be continued: then everything is read anew. */
  async #attached({ reset, feed, head }: Attached): Promise<void> {
    this.#flush();
    if (reset) {
      const { user } = this.state;
      this.#snapshots = this.#forget();
      await this.#ready(user as string, feed);
      return;
    }
    this.#head = head;
    this.state = { ...this.state, feed: feed ?? this.state.feed };
    const left = head - (this.state.seq as number);
    if (left > 0) this.#statusIs({ phase: "catching_up", left });
    this.#outbox.connected((command, fields) => this.#connection.request(command, fields));
    this.#readWhatIsMissing();
  }

  #heard(events: JournalEvent[]): void {
    this.#queue.push(...events);
    if (this.#queue.length > QUEUE_MAX_EVENTS) this.#flush();
    else this.#schedule();
  }

  #change(change: (state: ChatState) => ChatState): void {
    this.state = change(this.state);
    this.#schedule();
  }

  /** Soon, the first time at once, then at most once in a frame. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const waitMs = this.#flushedAt + FRAME_MS - Date.now();
    const flush = () => {
      if (this.#isScheduled) this.#flush();
    };
    if (waitMs > 0) this.#timer = setTimeout(flush, waitMs);
    else queueMicrotask(flush);
  }

  /** Put what came into the state, then tell. */
  #flush(): void {
    clearTimeout(this.#timer);
    this.#isScheduled = false;
    this.#flushedAt = Date.now();
    const known = this.state.seq ?? 0;
    const events = this.#queue.filter(({ seq }) => seq > known);
    this.#queue = [];
    this.state = applyEvents(this.state, events);
    if (this.status.phase === "catching_up") {
      this.status = { phase: "catching_up", left: Math.max(0, this.#head - (this.state.seq ?? 0)) };
    }
    for (const event of events) this.#applied(event);
    this.#settleAccepted();
    this.#readWhatIsMissing();
    for (const event of events) {
      this.#emit(event.event_type, event);
      this.#emit("*", event);
    }
    for (const listener of this.#listeners) attempt(listener);
  }

  #applied(event: JournalEvent): void {
    const { thread_id = "", run_id = "", seq } = event;
    if (event.event_type === "message_created") {
      this.#outbox.arrived(event.data.client_message_id, { thread_id, run_id, seq });
    } else if (event.event_type === "input_received") {
      this.#outbox.drop(`${run_id} ${event.data.input_id}`);
    }
    if (ENDS_RUN.test(event.event_type)) this.#outbox.runEnded(run_id);
    const thread = this.state.threads[thread_id];
    if (thread && !thread.isKnown) this.#snapshots.readThread(thread_id);
  }

  /** A message can be in a snapshot that was read before its own event came. */
  #settleAccepted(): void {
    for (const { status, key, seq, thread } of this.#outbox.entries) {
      const isRead = !this.state.threads[thread ?? ""]?.waiting;
      if (status === "accepted" && isRead && seq <= (this.state.seq ?? 0)) this.#outbox.drop(key);
    }
  }

  #readWhatIsMissing(): void {
    const { openId: id, state } = this;
    if (id === null || state.seq === null || state.unreadable[id]) return;
    const thread = state.threads[id];
    if (thread === undefined) this.#snapshots.readThread(id);
    else if (needsReading(thread)) this.#snapshots.readHistory(id, this.#pages.get(id) ?? 1);
  }

  #on(type: string, handler: Handler): () => void {
    const handlers = this.#handlers.get(type) ?? new Set();
    this.#handlers.set(type, handlers.add(handler));
    return () => handlers.delete(handler);
  }

  #emit(type: string, event: unknown): void {
    for (const handler of this.#handlers.get(type) ?? []) attempt(() => handler(event as never));
  }

  /** Work without which the connection is of no use. */
  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#failed(error as ThreadcastError);
    }
  }

  #failed(error: ThreadcastError): void {
    if (error.code === "signed_out") this.#signedOut(error.message);
    else this.#connection.restart(error);
  }

  #signedOut(reason: string): void {
    this.close();
    this.#statusIs({ phase: "signed_out", code: "signed_out", reason });
  }

  #readFailed(error: ThreadcastError, id: string): void {
    if (error.code === "signed_out") this.#signedOut(error.message);
    const how = /^(not_found|bad_id|legacy_id)$/.test(error.code) ? "missing" : "failed";
    this.#change((state) => ({ ...state, unreadable: { ...state.unreadable, [id]: how } }));
  }

  #statusIs(status: Status): void {
    this.#flush();
    this.status = status;
    if (status.phase === "live") this.#tryAgain();
    else if (status.phase !== "catching_up") this.#outbox.disconnected();
    this.#schedule();
  }

  /** The connection is back: what failed to be read without it may be read now. */
  #tryAgain(): void {
    this.state = {
      ...this.state,
      unreadable: Object.fromEntries(
        Object.entries(this.state.unreadable).filter(([, how]) => how === "missing"),
      ),
    };
    for (const { id, isKnown } of Object.values(this.state.threads)) {
      if (!isKnown) this.#snapshots.readThread(id);
    }
    this.#readWhatIsMissing();
  }

  /** What is still being read for the state of before is not taken any more. */
  #forget(): Snapshots {
    this.#pages.clear();
    this.#queue = [];
    this.state = emptyState(this.state.user);
    const isCurrent = () => this.#snapshots === snapshots;
    const snapshots = new Snapshots(this.#http, {
      change: (change) => {
        if (isCurrent()) this.#change(change);
      },
      fail: (error, id) => {
        if (isCurrent()) this.#readFailed(error, id);
      },
      done: () => {
        if (isCurrent()) this.#readWhatIsMissing();
      },
    });
    return snapshots;
  }
}

/** A listener's mistake is reported and harms nobody else. */
function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
