/**
 * What the person asked for and the server has not yet answered.
 *
 * Each entry is sent until it is accepted or refused for good, over as many connections as that
 * takes. A message has one `client_message_id` for all of its life, so that it cannot be stored
 * twice. Entries are replaced, never changed, so that a view can compare them. With a storage they
 * outlive the page: each has an item of its own, under the user's name, so that tabs do not
 * overwrite one another's and no user gets another's.
 */
import { ThreadcastError } from "./error.ts";
import { isActive } from "./history.ts";
import type { OutboxEntry, RunStatus } from "./model.ts";
import type { Command } from "./protocol.ts";

const ENTRIES_MAX = 100;
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 15_000;
const RETRY_AFTER_MAX_MS = 300_000;

/** What a message became. */
export interface Sent {
  readonly thread_id: string;
  readonly run_id: string;
  readonly seq: number;
}

interface Entry extends OutboxEntry {
  readonly options: object;
  readonly notBefore: number;
  readonly tries: number;
  /** Of the event that an accepted message became. */
  readonly seq: number;
}

type Answer = Sent & { status: RunStatus };
type Request = (command: Command["command"], fields: object) => Promise<Answer>;
type Fields = Pick<Entry, "kind" | "key"> & Partial<Entry>;

export class Outbox {
  entries: readonly Entry[] = [];
  /** The threads that the first messages of drafts made, by draft. */
  readonly threads = new Map<string, string>();
  #onChange: () => void;
  #storage: Storage | undefined;
  #prefix = "";
  #request: Request | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiters = new Map<string, { resolve(sent: Sent): void; reject(error: Error): void }>();

  constructor(storage: Storage | undefined, onChange: () => void) {
    this.#storage = storage;
    this.#onChange = onChange;
  }

  /** Take up what this user left behind in the storage. */
  restore(owner: string): void {
    if (this.#prefix) return;
    this.#prefix = owner;
    for (const name of Object.keys(this.#storage ?? {})) {
      this.storageChanged(name, this.#storage?.getItem(name) ?? null);
    }
  }

  /** Another page of this origin changed an item of the storage. */
  storageChanged(name: string | null, value: string | null): void {
    if (!this.#prefix || !name?.startsWith(this.#prefix)) return;
    const key = name.slice(this.#prefix.length);
    const others = this.entries.filter((entry) => entry.key !== key);
    if (value === null) this.#replace(others);
    else if (others.length === this.entries.length) {
      const entry = { ...JSON.parse(value), notBefore: 0 };
      if (entry.status === "sending") entry.status = "waiting";
      this.#replace([...others, entry].sort((a, b) => a.createdAt - b.createdAt));
    }
  }

  /**
   * Take this in, and send it when there is a connection.
   *
   * @throws ThreadcastError `outbox_full`, or why it was refused in the end
   */
  add(fields: Fields): Promise<Sent> {
    const { key } = fields;
    if (this.entries.length === ENTRIES_MAX) {
      return Promise.reject(new ThreadcastError("outbox_full", "Too many messages wait."));
    }
    const done = new Promise<Sent>((resolve, reject) => {
      this.#waiters.set(key, { resolve, reject });
    });
    done.catch(() => {}); // Who does not wait for it sees it in `entries`.
    this.#replace([
      ...this.entries.filter((entry) => entry.key !== key),
      {
        status: "waiting",
        error: null,
        thread: null,
        draft: null,
        content: "",
        runId: null,
        inputId: null,
        value: null,
        createdAt: Date.now() / 1_000,
        options: {},
        notBefore: 0,
        tries: 0,
        seq: 0,
        ...fields,
      },
    ]);
    this.#store(key);
    this.#flush();
    return done;
  }

  drop(key: string): void {
    this.#replace(this.entries.filter((entry) => entry.key !== key));
    this.#store(key);
    this.#settle(key, new ThreadcastError("discarded"));
  }

  /** Try a refused entry again. */
  retry(key: string): void {
    this.#change(key, { status: "waiting", error: null, notBefore: 0 });
    this.#flush();
  }

  /** The message is in the journal, whoever says so first: the event or the answer. */
  arrived(key: string, sent: Sent): void {
    const entry = this.#find(key);
    if (entry === undefined) return;
    this.#learnThread(entry, sent.thread_id);
    this.#settle(key, sent);
    this.drop(key);
  }

  /** The run has ended: nothing is left to cancel or to answer in it. */
  runEnded(runId: string): void {
    for (const { key, runId: id } of this.entries) if (id === runId) this.drop(key);
  }

  /** Forget everything, in the storage too. */
  clear(): void {
    for (const { key } of this.entries) this.drop(key);
  }

  /** There is a connection to send over. */
  connected(request: Request): void {
    this.#request = request;
    // What became of a run that was cancelled over an earlier connection is asked again.
    for (const { key, kind, status } of this.entries) {
      if (kind === "cancel" && status === "accepted") this.#change(key, { status: "waiting" });
    }
    this.#flush();
  }

  disconnected(): void {
    this.#request = null;
  }

  #find(key: string): Entry | undefined {
    return this.entries.find((entry) => entry.key === key);
  }

  #replace(entries: readonly Entry[]): void {
    if (
      entries.length === this.entries.length &&
      entries.every((one) => this.entries.includes(one))
    )
      return;
    this.entries = entries;
    this.#onChange();
  }

  #change(key: string, fields: Partial<Entry>): void {
    this.#replace(
      this.entries.map((entry) => (entry.key === key ? { ...entry, ...fields } : entry)),
    );
    this.#store(key);
  }

  /** Make the storage hold what is here. What is accepted is in the journal, and needs no copy. */
  #store(key: string): void {
    const entry = this.#find(key);
    const name = this.#prefix + key;
    try {
      if (!entry || entry.status === "accepted") this.#storage?.removeItem(name);
      else this.#storage?.setItem(name, JSON.stringify(entry));
    } catch {
      // A storage that is full or forbidden: then it lives as long as the page.
    }
  }

  #settle(key: string, outcome: Sent | ThreadcastError): void {
    const waiter = this.#waiters.get(key);
    this.#waiters.delete(key);
    if (outcome instanceof Error) waiter?.reject(outcome);
    else waiter?.resolve(outcome);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    if (this.#request === null) return;
    const draftsUnderWay = new Set<string | null>();
    const now = Date.now();
    let next = Number.POSITIVE_INFINITY;
    for (const entry of this.entries) {
      const { status, draft, notBefore } = entry;
      const isHeld = draft !== null && draftsUnderWay.has(draft);
      if (status !== "refused") draftsUnderWay.add(draft);
      if (status !== "waiting" || isHeld) continue;
      if (notBefore <= now) this.#send(entry, this.#request);
      else next = Math.min(next, notBefore);
    }
    if (next < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#flush(), next - now);
  }

  async #send(entry: Entry, request: Request): Promise<void> {
    const { key } = entry;
    this.#change(key, { status: "sending" });
    try {
      this.#accepted(key, await request(...commandOf(entry)));
    } catch (error) {
      this.#rejected(key, error as ThreadcastError);
    }
  }

  #accepted(key: string, sent: Answer): void {
    const entry = this.#find(key);
    if (entry === undefined) return;
    const { kind } = entry;
    this.#settle(key, sent);
    if (kind === "answer" || (kind === "cancel" && !isActive(sent))) this.drop(key);
    else {
      this.#change(key, { status: "accepted", error: null, seq: sent.seq });
      this.#learnThread(entry, sent.thread_id);
    }
  }

  #rejected(key: string, error: ThreadcastError): void {
    const entry = this.#find(key);
    if (entry === undefined) return;
    const { kind, tries } = entry;
    if (error.code === "unreachable") {
      this.#change(key, { status: "waiting" });
    } else if (error.retryable) {
      const backoffMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** tries);
      const waitMs =
        Math.min(RETRY_AFTER_MAX_MS, error.retryAfterMs) + backoffMs * (0.5 + Math.random() / 2);
      this.#change(key, {
        status: "waiting",
        error: error.message,
        tries: tries + 1,
        notBefore: Date.now() + waitMs,
      });
      this.#flush();
    } else if (kind === "cancel" || (tries && error.code === "already_answered")) {
      this.drop(key);
    } else {
      this.#change(key, { status: "refused", error: error.message });
      this.#settle(key, error);
    }
  }

  /** The first message of a draft made its thread; those that waited behind it go there too. */
  #learnThread({ draft }: Entry, thread: string): void {
    if (draft === null) return;
    this.threads.set(draft, thread);
    const waiting = this.entries.filter((entry) => entry.draft === draft);
    for (const { key } of waiting) this.#change(key, { thread, draft: null });
    this.#flush();
  }
}

function commandOf(entry: Entry): Parameters<Request> {
  const { kind, key, content, thread, runId: run_id, inputId, value, options } = entry;
  if (kind === "cancel") return ["cancel_run", { run_id }];
  if (kind === "answer") return ["respond", { run_id, input_id: inputId, value }];
  const fields = { content, client_message_id: key, ...(thread && { thread_id: thread }) };
  return ["send_message", { ...fields, ...options }];
}

/** A name for a message that nobody else gives. */
export const newKey = (): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `web_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
};
