/**
 * What the person requested and the server has not answered yet.
 *
 * Each entry is sent until the server accepts it or refuses it for good, over as many connections as
 * that takes. A message keeps one `client_message_id`, so it cannot be stored twice, and the
 * `thread_id`, or none, that it may have been sent with: with another one, the server would refuse
 * it though it is stored. Entries are immutable, so views can compare them by identity. With a
 * storage they outlive the page: each is an item of its own under the user's prefix, so tabs do not
 * overwrite each other's entries and no user gets another one's.
 *
 * The messages of one thread or draft are sent one at a time, in order.
 */
import { steadyMs } from "../clock.ts";
import { backoffMs } from "../connection/backoff.ts";
import type { Connection, Unsent } from "../connection/connection.ts";
import { ThreadcastError } from "../error.ts";
import type { AnswerOf } from "../protocol.ts";
import { isActive } from "../runs.ts";
import { store } from "./storage.ts";

const ENTRIES_MAX = 100;
/** An entry that another page stored is left to that page for this long. */
const TAKE_OVER_MS = 10_000;

/** Where a message was stored. */
export interface Sent {
  readonly thread_id: string;
  readonly run_id: string;
  readonly seq: number;
}

/** What was requested and is not in the journal yet. */
export interface OutboxEntry {
  readonly kind: "message" | "answer" | "cancel";
  /** The `client_message_id` of a message; unique among entries. */
  readonly key: string;
  readonly status: "waiting" | "sending" | "accepted" | "refused";
  /** Why the server refused it. */
  readonly error: string | null;
  /** The thread that it goes to; null while that is not known. */
  readonly thread: string | null;
  /** Names the thread that its first message creates; null for what is sent to `thread`. */
  readonly draft: string | null;
  readonly content: string;
  readonly runId: string | null;
  readonly inputId: string | null;
  readonly value: unknown;
  /** When it was requested, seconds since the epoch; greater than that of every earlier entry. */
  readonly createdAt: number;
}

export interface Entry extends OutboxEntry {
  readonly options: object;
  /** By the steady clock, so it means nothing to other pages. */
  readonly notBefore: number;
  readonly tries: number;
  /** The seq of an accepted message's event; infinite before, and for what has none. */
  readonly seq: number;
}

type Requests = "send_message" | "cancel_run" | "respond";
type Request = Extract<Unsent, { command: Requests }>;

export class Outbox {
  /** The threads that drafts have become, by draft. */
  readonly threads = new Map<string, string>();
  /** The entries, oldest first; a new array after every change. */
  entries: readonly Entry[] = [];
  #entries = new Map<string, Entry>();
  #onChange: () => void;
  #storage: Storage | undefined;
  /** Undefined before there was a user; empty once they are gone. */
  #prefix: string | undefined;
  #connection: Pick<Connection, "request"> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiters = new Map<string, PromiseWithResolvers<Sent>>();
  /** Why nothing will be sent; null while something may be. */
  #end: ThreadcastError | null = null;

  constructor(storage: Storage | undefined, onChange: () => void) {
    this.#storage = storage;
    this.#onChange = onChange;
  }

  /**
   * Switch to the user whose items have this prefix; empty for nobody.
   *
   * Entries from before the user was known become theirs. Another user's stay in the storage.
   */
  belongTo(prefix: string): void {
    if (prefix === this.#prefix) return;
    let unowned = this.entries;
    if (this.#prefix) {
      // The previous user's entries stay in the storage.
      this.#giveUp(new ThreadcastError("identity_change"));
      this.threads.clear();
      unowned = [];
    }
    this.#entries.clear();
    this.#prefix = prefix;
    for (const name of Object.keys(this.#storage ?? {})) {
      this.stored(name, this.#storage?.getItem(name), 0);
    }
    for (const entry of unowned) this.#append(entry);
    this.#changed();
  }

  /** Reject all pending promises. */
  #giveUp(why: ThreadcastError): void {
    for (const { reject } of this.#waiters.values()) reject(why);
    this.#waiters.clear();
  }

  /** A stored item changed: null if another page removed it, empty if it discarded the entry. */
  stored(
    name: string | null,
    item: string | null | undefined,
    notBefore = steadyMs() + TAKE_OVER_MS,
  ): void {
    if (!this.#prefix || !name?.startsWith(this.#prefix)) return;
    const key = name.replace(this.#prefix, "");
    const known = this.#entries.get(key);
    if (item) {
      const entry = entryOf(item, key);
      if (entry) {
        const seq = Number.POSITIVE_INFINITY;
        // Of a known entry, the news is where it goes.
        const { thread, draft } = known?.thread ? known : entry;
        this.#entries.set(key, { ...entry, notBefore, seq, ...known, thread, draft });
        this.#changed();
        this.#learnThread(known ?? entry, thread);
      } else this.#save(key, null);
    } else if (item === "" || known?.kind !== "message" || !this.#waiters.has(key)) {
      this.#forget(key);
    }
    // Otherwise this page waits for its outcome, and learns that by sending it again.
    this.#flush();
  }

  /** Put a new entry behind all others, also within one millisecond or after the clock was set back. */
  #append(entry: Entry): void {
    const last = this.entries.at(-1)?.createdAt ?? 0;
    this.#put({ ...entry, createdAt: Math.max(entry.createdAt, last + 0.001) });
  }

  #forget(key: string): void {
    if (!this.#entries.delete(key)) return;
    this.#waiters.get(key)?.reject(new ThreadcastError("discarded"));
    this.#waiters.delete(key);
    this.#changed();
  }

  /**
   * Add an entry, and send it once there is a connection.
   *
   * @throws ThreadcastError `outbox_full`, why the server refused it for good, or why the client ended
   */
  add(fields: Pick<Entry, "kind" | "key"> & Partial<Entry>): Promise<Sent> {
    const waiter = Promise.withResolvers<Sent>();
    waiter.promise.catch(() => {}); // The caller may ignore the promise and watch `entries`.
    // What is added until the next start would become another user's.
    const isUnowned = this.#end && this.#prefix === "";
    if (isUnowned || this.#entries.size >= ENTRIES_MAX) {
      waiter.reject(new ThreadcastError(isUnowned ? "discarded" : "outbox_full"));
      return waiter.promise;
    }
    this.#waiters.set(fields.key, waiter);
    const { draft = null } = fields;
    // The draft may have become a thread before.
    const thread = fields.thread ?? this.threads.get(draft ?? "") ?? null;
    this.#append({
      status: "waiting",
      error: null,
      content: "",
      runId: null,
      inputId: null,
      value: null,
      createdAt: Date.now() / 1_000,
      options: {},
      notBefore: 0,
      tries: 0,
      seq: Number.POSITIVE_INFINITY,
      ...fields,
      thread,
      draft: thread ? null : draft,
    });
    if (this.#end) this.#giveUp(this.#end);
    this.#flush();
    return waiter.promise;
  }

  /** Remove an entry; if it is unwanted, the user's other pages discard it as well. */
  drop(key: string, isUnwanted = false): void {
    if (!this.#entries.has(key)) return;
    if (isUnwanted) this.#save(key, "");
    this.#forget(key);
    this.#save(key, null);
    this.#flush();
  }

  /** Send a refused entry again. */
  retry(key: string): void {
    const entry = this.#entries.get(key);
    if (entry?.status === "refused") {
      const draft = entry.thread ? null : entry.draft;
      this.#put({ ...entry, draft, status: "waiting", error: null, notBefore: 0 });
      this.#flush();
    }
  }

  /** A message is in the journal, as its event tells; the response may not have come yet. */
  arrived(key: string, sent: Sent): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#learnThread(entry, sent.thread_id);
    this.#waiters.get(key)?.resolve(sent);
    this.drop(key);
  }

  /** Drop all entries that match; unwanted ones are discarded by the user's other pages, too. */
  dropIf(isIt: (entry: Entry) => boolean, isUnwanted = false): void {
    for (const entry of this.entries) if (isIt(entry)) this.drop(entry.key, isUnwanted);
  }

  /**
   * Send over this connection; null if there is none.
   *
   * @param end why none is expected: promises are rejected with it, and the entries stay
   */
  use(connection: Pick<Connection, "request"> | null, end: ThreadcastError | null = null): void {
    this.#connection = connection;
    this.#end = end;
    if (end) this.#giveUp(end);
    // The end of a run that was cancelled over an earlier connection may have been missed.
    for (const entry of this.entries) {
      if (entry.kind === "cancel" && entry.status === "accepted") this.#put(askedAgain(entry));
    }
    this.#flush();
  }

  #put(entry: Entry): void {
    // Once accepted, it is in the journal.
    this.#save(entry.key, entry.status === "accepted" ? null : JSON.stringify(entry));
    this.#entries.set(entry.key, entry);
    this.#changed();
  }

  /** Store an item, or remove it. What another page has removed stays removed. */
  #save(key: string, item: string | null): void {
    if (!this.#prefix) return;
    const name = this.#prefix + key;
    const isGone = this.#entries.has(key) && this.#storage?.getItem(name) === null;
    if (!isGone) store(this.#storage, name, item);
  }

  #changed(): void {
    this.entries = [...this.#entries.values()].sort((a, b) => a.createdAt - b.createdAt);
    this.#onChange();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    if (!this.#connection) return;
    const underWay = new Set<string>();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const entry of this.entries) {
      const { key, status, draft, thread, notBefore } = entry;
      const place = thread ?? draft ?? key;
      if (status === "waiting" && !underWay.has(place)) {
        const waitMs = notBefore - steadyMs();
        if (waitMs <= 0) this.#send(entry, this.#connection);
        else nextMs = Math.min(nextMs, waitMs);
      }
      if (status === "waiting" || status === "sending") underWay.add(place);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#flush(), nextMs);
  }

  async #send(entry: Entry, connection: Pick<Connection, "request">): Promise<void> {
    this.#put({ ...entry, status: "sending" });
    await connection.request(commandOf(entry)).then(
      (answer) => this.#accepted(entry.key, answer),
      (error) => this.#rejected(entry.key, error),
    );
    this.#flush();
  }

  #accepted(key: string, answer: AnswerOf<Requests>): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    if (answer.command === "send_message") {
      this.#waiters.get(key)?.resolve(answer);
      // Store the thread of the waiting entries first: other pages hold them, too.
      this.#learnThread(entry, answer.thread_id);
      const known = this.#entries.get(key) ?? entry;
      this.#put({ ...known, status: "accepted", error: null, seq: answer.seq });
    } else if (answer.command === "cancel_run" && isActive(answer)) {
      this.#put({ ...entry, status: "accepted", error: null });
    } else this.drop(key);
  }

  #rejected(key: string, error: ThreadcastError): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    const { code, message, retryable, retryAfterMs } = error;
    const { kind, tries } = entry;
    if (code === "unreachable") this.#put(askedAgain(entry));
    else if (retryable) {
      const notBefore = steadyMs() + backoffMs(tries, retryAfterMs);
      this.#put({ ...entry, status: "waiting", error: message, tries: tries + 1, notBefore });
    } else if (kind === "cancel" || (tries && code === "already_answered")) this.drop(key);
    else {
      this.#put({ ...entry, status: "refused", error: message });
      this.#waiters.get(key)?.reject(error);
    }
  }

  /**
   * A draft has become a thread, with this entry or an earlier one.
   *
   * Entries behind it will be sent to the thread. The others keep the draft: any page may have sent
   * them without a thread, and with one, the server would take them for other messages.
   */
  #learnThread({ draft, createdAt }: Entry, thread: string | null): void {
    if (!draft || !thread) return;
    this.threads.set(draft, thread);
    for (const entry of this.entries) {
      if (entry.draft !== draft || entry.thread) continue;
      const isBehind = entry.createdAt > createdAt && !entry.tries;
      this.#put({ ...entry, thread, draft: isBehind ? null : draft });
    }
  }
}

/** Parses a stored entry; null if it is not one. */
function entryOf(item: string, key: string): Entry | null {
  try {
    const entry: Entry = JSON.parse(item);
    if (entry.key !== key) return null;
    return entry.status === "sending" ? askedAgain(entry) : entry;
  } catch {
    return null;
  }
}

/** It was sent with an unknown outcome: send it again. */
const askedAgain = (entry: Entry): Entry => ({
  ...entry,
  status: "waiting",
  tries: entry.tries || 1,
});

function commandOf(entry: Entry): Request {
  const { kind, key, content, thread, draft, runId, inputId, value, options } = entry;
  const run_id = runId as string;
  if (kind === "cancel") return { command: "cancel_run", run_id };
  if (kind === "answer") return { command: "respond", run_id, input_id: inputId as string, value };
  return {
    command: "send_message",
    content,
    client_message_id: key,
    thread_id: draft ? null : thread,
    ...options,
  };
}
