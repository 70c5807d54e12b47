/** The client: ties credential, connection and outbox together. */

import { Connection } from "../connection/connection.ts";
import { SIGN_MAX_MS } from "../connection/liveness.ts";
import type { Status } from "../connection/status.ts";
import { subjectOf } from "../credential/claims.ts";
import { Credential, type TokenProvider } from "../credential/credential.ts";
import { ThreadcastError } from "../error.ts";
import type { AttachedEvent, JournalEvent, SendMessage } from "../protocol.ts";
import { endsRun } from "../runs.ts";
import { ownTransports } from "../transport/own_transports.ts";
import type { Transport } from "../transport/transport.ts";
import { type Cursor, cursorOf, UNKNOWN } from "./cursor.ts";
import { framesOf } from "./frames.ts";
import { Listeners, type Told } from "./listeners.ts";
import { type Entry, Outbox, type OutboxEntry, type Sent } from "./outbox.ts";
import { randomKey } from "./random_key.ts";
import { store } from "./storage.ts";

const QUEUE_MAX_EVENTS = 1_000;
const OFFLINE_SIGN_MAX_MS = 2_000;
const WINDOW_EVENTS = ["online", "offline", "visibilitychange", "storage"];
const OTHER_USER = "Another user has signed in.";

export interface ClientOptions {
  /** The URL that the server is mounted at. */
  url: string | URL;
  token: TokenProvider;
  /** Where unsent messages outlive the page: `localStorage`. */
  storage?: Storage;
  /** Keep the cursor in `storage`, too, and resume where an earlier page stopped. */
  resume?: boolean;
  /** How to reach the server, in order of preference; by default over a connection of its own. */
  transports?: readonly Transport[];
}

export interface SendOptions {
  /** Null or absent for a new thread. */
  threadId?: string | null;
  /** Names the new thread; messages with the same draft go to the same thread. */
  draft?: string;
  agent?: string;
  onBusy?: NonNullable<SendMessage["on_busy"]>;
}

/** What `connection_ready` and a reset say: whose journal it is, and where its events go on. */
interface Ready {
  readonly user_id: string;
  readonly data: { readonly feed: string | null; readonly after?: number };
}

type ToldOf<Type> = Extract<Told, { event_type: Type }>;

export class Client {
  protected readonly base: URL;
  protected readonly credential: Credential;
  protected readonly connection: Connection;
  #status: Status = { phase: "connecting", attempt: 0 };
  #cursor: Cursor = { feed: null };
  /** Where the cursor is kept; undefined without `resume`. */
  #kept: Storage | undefined;
  #outbox: Outbox;
  #queue: JournalEvent[] = [];
  #head = 0;
  #listeners = new Listeners(() => this.#kept && this.changed());
  #frames = framesOf(() => this.#flush());
  #isStarted = false;
  #user: string | null = null;
  /** Counts connections, to recognise work that began on an earlier one. */
  #life = 0;

  constructor({ url, token, storage, resume, transports = ownTransports }: ClientOptions) {
    this.base = new URL(`${url}`.replace(/\/?$/, "/"), globalThis.location?.href);
    if (resume) this.#kept = storage;
    this.credential = new Credential(token, (subject) => this.#stayWith(subject));
    this.#outbox = new Outbox(storage, () => this.changed());
    this.connection = new Connection(this.base, this.credential, transports, {
      onReady: (event) => this.#ready(event),
      onAttached: (event) => this.#attached(event),
      onEvents: (events) => {
        if (this.#cursor.after === undefined) return;
        this.#queue.push(...events);
        if (this.#queue.length > QUEUE_MAX_EVENTS) this.#frames.now();
        else this.changed();
      },
      onStatus: (status) => this.setStatus(status),
      onSilence: () => this.silent(),
    });
  }

  get status(): Status {
    return this.#status;
  }

  /** The signed-in user; null until the server has confirmed it. */
  get user(): string | null {
    return this.#user;
  }

  /** The position of the last event that was delivered. */
  get cursor(): Cursor {
    return this.#cursor;
  }

  /** What was requested and is not in the journal yet. */
  get outbox(): readonly OutboxEntry[] {
    return this.#outbox.entries;
  }

  /** Connect, and stay connected. */
  start(): void {
    this.#isStarted = true;
    for (const type of WINDOW_EVENTS) globalThis.addEventListener?.(type, this);
    this.connection.open();
  }

  /** Disconnect; `state`, `cursor` and the stored outbox stay. */
  close(): void {
    this.#stop();
    this.connection.close();
    this.#outbox.use(null, new ThreadcastError("closed"));
    this.#listeners.end(null);
  }

  /**
   * Disconnect and forget the user, with everything that is stored for them.
   *
   * Until the server has confirmed the user, it is the token's subject.
   */
  signOut(): void {
    this.#user ??= subjectOf(this.credential.current);
    if (this.#user) this.#outbox.belongTo(this.#key);
    this.#outbox.dropIf(() => true, true);
    this.#keep(null);
    this.#end("signed_out");
  }

  /** Call back when `status`, `outbox` or derived state has changed, at most once per frame. */
  subscribe(listener: () => void): () => void {
    return this.#listeners.on("change", listener);
  }

  /**
   * Call back for each event of a type, in order; `*` for every event. `attached` means that the
   * client could not resume from its cursor: read again whatever you derived from events.
   */
  on<Type extends Told["event_type"]>(
    type: Type | "*",
    handler: (event: ToldOf<Type>) => void,
  ): () => void {
    return this.#listeners.on(type, handler);
  }

  /**
   * The events from now on, until `close`. Up to 10,000 unread events are buffered, until `return`
   * or leaving the loop ends the iterator.
   *
   * @throws ThreadcastError from the iterator: `slow_reader`, the buffer overflowed; `signed_out` or
   *   `stopped`, the client has ended, and `status` says why
   */
  events(): AsyncIterableIterator<Told> {
    return this.#listeners.events();
  }

  /**
   * Send a message, now or once there is a connection. Resolves when the server has stored it.
   *
   * @throws ThreadcastError it was refused or discarded, or 100 others wait (`outbox_full`). Or the
   *   client has ended (`signed_out`, `stopped`, `closed`): then the message is kept in `outbox`,
   *   and sent once when the client is started again
   */
  send(content: string, { threadId, draft, agent, onBusy }: SendOptions = {}): Promise<Sent> {
    const key = randomKey();
    return this.#outbox.add({
      kind: "message",
      key,
      content,
      thread: threadId ?? null,
      draft: draft ?? key,
      options: { agent, on_busy: onBusy },
    });
  }

  /** The thread that a draft's first message created; null until that is known. */
  threadOf(draft: string): string | null {
    return this.#outbox.threads.get(draft) ?? null;
  }

  cancel(runId: string): void {
    this.#outbox.add({ kind: "cancel", key: runId, runId });
  }

  respond(runId: string, inputId: string, value: unknown): void {
    this.#outbox.add({ kind: "answer", key: runId + inputId, runId, inputId, value });
  }

  /** Send a refused outbox entry again. */
  retry(key: string): void {
    this.#outbox.retry(key);
  }

  /** Remove an entry from the outbox. */
  discard(key: string): void {
    this.#outbox.drop(key, true);
  }

  /** Handles the events of `WINDOW_EVENTS`. */
  handleEvent(event: Event): void {
    const { type, key, newValue } = event as StorageEvent;
    if (type === "storage") this.#outbox.stored(key, newValue);
    else this.connection.nudge(type === "offline" ? OFFLINE_SIGN_MAX_MS : SIGN_MAX_MS);
  }

  // For clients that derive state from events.

  /** Drop the derived state. */
  protected forget(): void {
    this.#queue = [];
    this.#cursor = { feed: null };
  }

  /**
   * Read the snapshot that the events continue.
   *
   * @returns the seq at which it was taken; null without a snapshot, to begin with the next event
   */
  protected async begin(): Promise<number | null> {
    return null;
  }

  /** Apply new events, which are in order. */
  protected take(_events: readonly JournalEvent[]): void {}

  /** Whether a message is part of the state already, from a snapshot. */
  protected shows(entry: Entry): boolean {
    return entry.seq <= (this.#cursor.after ?? 0);
  }

  protected setStatus(status: Status): void {
    this.#status = status;
    const { phase } = status;
    if (phase !== "catching_up" && phase !== "live") {
      this.#life += 1;
      const hasEnded = phase === "signed_out" || phase === "stopped";
      const end = hasEnded ? new ThreadcastError(phase, status.reason) : undefined;
      this.#outbox.use(null, end);
      this.#listeners.end(end);
    }
    this.#frames.now();
  }

  /** Notify subscribers, at most once per frame. */
  protected changed(): void {
    this.#frames.soon();
  }

  /** A run has fallen silent, or the server could not store something. */
  protected silent(): void {}

  get #key(): string {
    return `threadcast ${JSON.stringify([this.base, this.#user])}`;
  }

  /** A client belongs to one user and never uses another one's token. */
  #stayWith(user: string | null): void {
    if (!this.#user || !user || this.#user === user) return;
    this.#end("stopped", "identity_change");
    throw new ThreadcastError("identity_change", OTHER_USER);
  }

  /** Authenticated: start from a snapshot, or resume from the cursor. */
  async #ready({ user_id, data: { feed, after: from } }: Ready): Promise<void> {
    this.#stayWith(user_id);
    this.#user = user_id;
    this.#outbox.belongTo(this.#key);
    if (this.#cursor.after === undefined) {
      const life = this.#life;
      const after = (await this.begin()) ?? from;
      if (life !== this.#life) return;
      const item = this.#kept?.getItem(`cursor ${this.#key}`);
      const fresh = after === undefined ? { feed } : { feed, after };
      this.#cursor = item ? cursorOf(item) : fresh;
    }
    await this.connection
      .request({ ...this.#cursor, command: "attach" })
      .catch((error: ThreadcastError) => {
        // The server can make nothing of the cursor. The next connection does without it.
        if (!error.retryable) this.#cursor = UNKNOWN;
        throw error;
      });
  }

  /** The server accepted the cursor, or reset it: then start over from a snapshot. */
  async #attached(event: AttachedEvent): Promise<void> {
    const { reset, feed, head, after } = event.data;
    this.#frames.now();
    if (reset) {
      this.#keep(null);
      this.forget();
      this.#listeners.tell(event);
      return this.#ready(event);
    }
    this.#cursor = { after, ...this.#cursor, feed: feed ?? this.#cursor.feed };
    this.#head = head;
    // While live, this is an event stream reopened with a renewed token: not worth a status.
    if (this.#status.phase !== "live") this.setStatus({ phase: "catching_up", left: 0 });
    this.#outbox.use(this.connection);
  }

  /** Apply the queued events, then notify listeners. */
  #flush(): void {
    const events = this.#news();
    const last = events.at(-1);
    if (last) this.#cursor = { ...this.#cursor, after: last.seq, at: last.timestamp };
    if (this.#status.phase === "catching_up") {
      const left = Math.max(0, this.#head - (this.#cursor.after ?? 0));
      this.#status = { phase: "catching_up", left };
    }
    if (last) this.take(events);
    for (const event of events) this.#settle(event);
    this.#outbox.dropIf((entry) => this.shows(entry));
    for (const event of events) this.#listeners.tell(event);
    this.#listeners.emit("change", null);
    queueMicrotask(() => {
      // Not before every iterator is done, so that resuming is at least once.
      if (this.#listeners.areDone && this.#isStarted && this.#cursor.feed)
        this.#keep(JSON.stringify(this.#cursor));
    });
  }

  /** Store the cursor for later pages; null to remove it. */
  #keep(item: string | null): void {
    store(this.#kept, `cursor ${this.#key}`, item);
  }

  /** The queued events that are new. */
  #news(): JournalEvent[] {
    const queue = this.#queue;
    this.#queue = [];
    let { after = 0 } = this.#cursor;
    const events: JournalEvent[] = [];
    for (const event of queue) {
      if (event.seq <= after || event.user_id !== this.#user) continue;
      if ("first_seq" in event && event.first_seq && event.first_seq <= after) {
        // It merges deltas of which some were delivered: ask again for what follows the cursor.
        this.connection.restart();
        break;
      }
      after = event.seq;
      events.push(event);
    }
    return events;
  }

  /** Remove the outbox entries that an event answers. */
  #settle(event: JournalEvent): void {
    const { thread_id = "", run_id = "", seq } = event;
    if (event.event_type === "message_created") {
      this.#outbox.arrived(event.data.client_message_id, { thread_id, run_id, seq });
    } else if (event.event_type === "input_received") {
      this.#outbox.drop(run_id + event.data.input_id);
    } else if (endsRun(event.event_type)) {
      this.#outbox.dropIf(({ runId }) => runId === run_id);
    }
  }

  #stop(): void {
    this.#isStarted = false;
    for (const type of WINDOW_EVENTS) globalThis.removeEventListener?.(type, this);
  }

  #end(phase: "signed_out" | "stopped", code = ""): void {
    this.#stop();
    this.#outbox.belongTo("");
    this.forget();
    this.#user = null;
    this.connection.end(phase, code, code && OTHER_USER);
  }
}
