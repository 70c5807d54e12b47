/**
 * One user's live connection: opened, kept, and opened again after it was lost.
 *
 * It tells its owner what arrives and how it is; what is done with events, and from which cursor
 * it attaches, the owner decides. Knows nothing of the document.
 */
import { backoffMs } from "./backoff.ts";
import type { Credential } from "./credential.ts";
import { ThreadcastError, unreachable } from "./error.ts";
import type { Link, OpenLink } from "./link.ts";
import type { Status } from "./model.ts";
import type {
  AttachedEvent,
  Command,
  ConnectionClosing,
  ConnectionEvent,
  ConnectionReady,
  JournalEvent,
} from "./protocol.ts";

const TICK_MS = 1_000;
const STEADY_MS = 10_000;
const QUIET_MAX_MS = 25_000;
/** An event stream cannot be asked: this is the longest that a server may be set to say nothing. */
const STREAM_QUIET_MAX_MS = 55_000;
const ANSWER_MAX_MS = 10_000;
/** Then a better way that led nowhere is tried again, at the next connection. */
const WAY_MAX_MS = 300_000;
const RENEW_AT_SHARE = 0.75;
const CREDENTIAL = 4401;
const NOT_WORTH_RETRYING = [4400, 4403];

export interface Owner {
  onReady(user: string, ready: ConnectionReady): void;
  onAttached(event: AttachedEvent): void;
  onEvents(events: JournalEvent[]): void;
  onStatus(status: Status): void;
}

type Fields<C> = C extends Command ? Omit<C, "id" | "command" | "version"> : never;
type FieldsOf<Name extends Command["command"]> = Fields<Extract<Command, { command: Name }>>;

interface Waiter {
  resolve(answer: never): void;
  reject(error: Error): void;
}

export class Connection {
  #base: URL;
  #credential: Credential;
  #open: readonly OpenLink[];
  #owner: Owner;
  /** Which way is tried; the one that worked last is tried first, for a while. */
  #way = 0;
  #turnedAt = 0;
  #link: Link | null = null;
  #isReady = false;
  /** The id of the latest attach, until it is accepted. */
  #attaching = "";
  #waiters = new Map<string, Waiter>();
  #lastCommand = 0;
  #closing: ConnectionClosing | null = null;
  #attempt = 0;
  /** A token that the server refused, and why it did. */
  #refused: string | undefined;
  #why: [code: string, reason: string] | undefined;
  #heardAt = 0;
  #liveAt = 0;
  #renewAt = Number.POSITIVE_INFINITY;
  #ticking: ReturnType<typeof setInterval> | undefined;
  #reconnect: ReturnType<typeof setTimeout> | undefined;
  /** Counts connections, so that what belongs to an earlier one is recognised. */
  #life = 0;

  constructor(base: URL, credential: Credential, open: readonly OpenLink[], owner: Owner) {
    this.#base = base;
    this.#credential = credential;
    this.#open = open;
    this.#owner = owner;
  }

  open(): void {
    this.close();
    this.#ticking = setInterval(() => this.#tick(), TICK_MS);
    this.#attempt = 0;
    this.#refused = undefined;
    this.#connect();
  }

  /** End it and forget it. */
  close(): void {
    clearInterval(this.#ticking);
    this.#ticking = undefined;
    this.#drop();
  }

  /** Skip what is left of a wait; find out within `answerMs` whether a connection still lives. */
  nudge(answerMs = ANSWER_MAX_MS): void {
    if (this.#ticking === undefined) return;
    if (this.#reconnect !== undefined) this.#connect();
    else if (this.#isReady && !this.#isStream) {
      this.#ping();
      this.#expectLife(answerMs);
    }
  }

  /** It cannot go on like this: try again later, or end when nobody is signed in. */
  restart({ code = "", message = "", status, retryAfterMs = 0 }: Partial<ThreadcastError>): void {
    if (this.#ticking === undefined) return;
    this.#drop();
    if (status !== 401) this.#wait(retryAfterMs, code, message);
    else if (this.#why && code === "signed_out") this.#end("signed_out", ...this.#why);
    else this.#end("signed_out", code, message);
  }

  /** Ask for the events after a cursor; journal events before the answer are not told. */
  async attach(cursor: FieldsOf<"attach">): Promise<void> {
    this.#attaching = `c${this.#lastCommand + 1}`;
    await this.request("attach", cursor);
  }

  /**
   * Send a command; resolves with the answer's data.
   *
   * @throws ThreadcastError of the server's table; `unreachable`: no answer came
   */
  request<Answer>(command: Command["command"], fields: object = {}): Promise<Answer> {
    const id = `c${++this.#lastCommand}`;
    return new Promise((resolve, reject) => {
      if (!this.#isReady) throw unreachable();
      this.#waiters.set(id, { resolve, reject });
      this.#link?.send({ command, id, ...fields } as Command);
    });
  }

  async #connect(): Promise<void> {
    this.#drop();
    const life = this.#life;
    if (Date.now() - this.#turnedAt > WAY_MAX_MS) this.#way = 0;
    this.#owner.onStatus({ phase: "connecting", attempt: this.#attempt });
    try {
      const isOld =
        this.#refused ?? (Date.now() > this.#renewAt ? this.#credential.current : undefined);
      const token = await this.#credential.get(isOld);
      if (life === this.#life) this.#begin(token, this.#open.length);
    } catch (error) {
      if (life === this.#life) this.restart(error as ThreadcastError);
    }
  }

  /** @param ways how many ways are left to try */
  #begin(token: string, ways: number): void {
    const life = this.#life;
    this.#expectLife(ANSWER_MAX_MS);
    this.#link = (this.#open[this.#way] as OpenLink)(this.#base, token, {
      onText: (text) => {
        if (life === this.#life) this.#hear(text);
      },
      onClose: (code) => {
        if (life !== this.#life) return;
        if (code === 0) this.#turn();
        // The server refuses this way, too: the best one may have been refused for the same reason.
        else if (!this.#liveAt) this.#way = 0;
        if (code === 0 && ways > 1) this.#begin(token, ways - 1);
        else this.#lost(code);
      },
    });
  }

  /** This way leads nowhere: try the next. */
  #turn(): void {
    this.#link?.close();
    this.#way = (this.#way + 1) % this.#open.length;
    this.#turnedAt = Date.now();
  }

  #hear(text: string): void {
    const life = this.#life;
    this.#heardAt = Date.now();
    let events: JournalEvent[] = [];
    for (const line of text.split("\n")) {
      if (!line) continue;
      const event: JournalEvent | ConnectionEvent = JSON.parse(line);
      if ("seq" in event) {
        if (!this.#attaching) events.push(event);
        continue;
      }
      if (events.length) this.#owner.onEvents(events);
      events = [];
      this.#said(event);
      if (life !== this.#life) return;
    }
    if (events.length) this.#owner.onEvents(events);
  }

  #said(event: ConnectionEvent): void {
    switch (event.event_type) {
      case "connection_ready":
        if (this.#isReady) return;
        this.#isReady = true;
        this.#renewIn(event.data.expires_at, event.timestamp);
        this.#owner.onReady(event.user_id, event.data);
        break;
      case "attached":
        this.#refused = undefined;
        if (this.#attaching) return;
        this.#owner.onAttached(event);
        break;
      case "caught_up":
        if (this.#attaching) return;
        this.#liveAt ||= Date.now();
        this.#owner.onStatus({ phase: "live", transport: (this.#link as Link).kind });
        break;
      case "command_accepted":
        if (event.data.id === this.#attaching) this.#attaching = "";
        if ("expires_at" in event.data) this.#renewIn(event.data.expires_at, event.timestamp);
        this.#take(event.data.id)?.resolve(event.data as never);
        break;
      case "command_rejected": {
        const { id, code, message } = event.data;
        this.#take(id)?.reject(new ThreadcastError(code, message, event.data as object));
        break;
      }
      case "connection_closing":
        this.#closing = event.data;
    }
  }

  #take(id: string | null): Waiter | undefined {
    const waiter = this.#waiters.get(id as string);
    this.#waiters.delete(id as string);
    return waiter;
  }

  #lost(closed: number): void {
    const { error: code = "", reason = "", reconnect, retry_after_ms } = this.#closing ?? {};
    const close = this.#closing?.code ?? closed;
    this.#drop();
    if (close === CREDENTIAL && code !== "revoked" && this.#refused === undefined) {
      // Another token may do better, but only one of them is tried; none where the user signed out.
      this.#refused = this.#credential.current;
      this.#why = [code, reason];
      this.#connect();
    } else if (close === CREDENTIAL) this.#end("signed_out", code, reason);
    else if (reconnect === false || NOT_WORTH_RETRYING.includes(close)) {
      this.#end("stopped", code, reason);
    } else this.#wait(retry_after_ms ?? 0, code, reason);
  }

  #end(phase: "stopped" | "signed_out", code: string, reason: string): void {
    this.close();
    this.#owner.onStatus({ phase, code, reason });
  }

  #wait(atLeastMs: number, code: string, reason: string): void {
    const waitMs = backoffMs(this.#attempt, atLeastMs);
    const untilMs = Date.now() + waitMs;
    this.#attempt += 1;
    this.#reconnect = setTimeout(() => this.#connect(), waitMs);
    this.#owner.onStatus(
      globalThis.navigator?.onLine === false
        ? { phase: "offline", untilMs }
        : { phase: "waiting", untilMs, code, reason },
    );
  }

  #drop(): void {
    this.#life += 1;
    clearTimeout(this.#reconnect);
    this.#reconnect = undefined;
    this.#link?.close();
    this.#link = this.#closing = null;
    this.#isReady = false;
    this.#attaching = "";
    this.#liveAt = 0;
    const waiters = [...this.#waiters.values()];
    this.#waiters.clear();
    for (const { reject } of waiters) reject(unreachable());
  }

  /** Renew a credential while the connection lives, so that it never has to end. */
  #renewIn(expiresAt: number | null, now: number): void {
    const leftMs = (expiresAt ?? Number.POSITIVE_INFINITY) - now;
    this.#renewAt = Date.now() + Math.max(TICK_MS, leftMs * 1_000 * RENEW_AT_SHARE);
  }

  async #renew(): Promise<void> {
    const { current } = this.#credential;
    // If it fails, it is tried again: the server ends the connection when the credential does.
    this.#renewAt = Date.now() + ANSWER_MAX_MS;
    await this.request("authenticate", { token: await this.#credential.get(current) });
  }

  #tick(): void {
    const now = Date.now();
    if (this.#liveAt && now - this.#liveAt > STEADY_MS) this.#attempt = 0;
    if (this.#link === null) return;
    const quietMs = now - this.#heardAt;
    const maxMs = this.#isStream ? STREAM_QUIET_MAX_MS : QUIET_MAX_MS;
    if (quietMs > maxMs + ANSWER_MAX_MS) {
      if (!this.#isReady) this.#turn();
      this.#lost(1006);
    } else if (this.#isReady) {
      if (quietMs > maxMs) this.#ping();
      if (now > this.#renewAt) this.#renew().catch(() => {});
    }
  }

  get #isStream(): boolean {
    return !!this.#liveAt && this.#link?.kind === "sse";
  }

  #ping(): void {
    this.request("ping").catch(() => {});
  }

  #expectLife(answerMs: number): void {
    this.#heardAt = Date.now() - QUIET_MAX_MS - ANSWER_MAX_MS + answerMs;
  }
}
