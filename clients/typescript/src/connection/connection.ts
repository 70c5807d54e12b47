/**
 * One user's live connection: opened, kept alive, and reopened when it is lost.
 *
 * It reports events and its status to its owner, which decides what to do with events and from which
 * cursor to attach. Knows nothing of the document.
 */

import { steadyMs } from "../clock.ts";
import type { Credential } from "../credential/credential.ts";
import { NO_ANSWER, ThreadcastError, unreachable } from "../error.ts";
import type {
  AnswerOf,
  AttachedEvent,
  Command,
  ConnectionClosing,
  ConnectionEvent,
  ConnectionReadyEvent,
  JournalEvent,
  KnownErrorCode,
} from "../protocol.ts";
import { isFollowed } from "../runs.ts";
import { BLOCKED, CREDENTIAL, FORBIDDEN, LOST, UNUSABLE } from "../transport/close_codes.ts";
import type { Link, Transport } from "../transport/transport.ts";
import { backoffMs } from "./backoff.ts";
import { InFlight } from "./in_flight.ts";
import { Liveness, SIGN_MAX_MS } from "./liveness.ts";
import type { Status, Trouble } from "./status.ts";

const TICK_MS = 500;
const STEADY_MS = 10_000;
const HANDSHAKE_MAX_MS = 10_000;
/** After this, the next connection tries the preferred transport again. */
const TRANSPORT_MAX_MS = 300_000;
const RENEW_AT_SHARE = 0.75;
const RENEW_AGAIN_MS = 10_000;
/** Whether the error means that the server cannot store anything. */
const isNotStored = (code: string): boolean =>
  code === ("unavailable" satisfies KnownErrorCode) ||
  code === ("storage_full" satisfies KnownErrorCode) ||
  code === ("unknown_outcome" satisfies KnownErrorCode);

const UNANSWERED: Trouble = { code: "unanswered", reason: NO_ANSWER };

export interface Owner {
  /** If this or `onAttached` rejects, the client reconnects. */
  onReady(event: ConnectionReadyEvent): Promise<void>;
  onAttached(event: AttachedEvent): Promise<void>;
  onEvents(events: JournalEvent[]): void;
  onStatus(status: Status): void;
  /** A run has fallen silent, or there is trouble. */
  onSilence(): void;
}

type WithoutId<C> = C extends Command ? Omit<C, "id"> : never;
/** A command that has no id yet. */
export type Unsent = WithoutId<Command>;

export class Connection {
  #base: URL;
  #credential: Credential;
  #transports: readonly Transport[];
  #owner: Owner;
  /** The index of the transport to try: the one that worked last, for a while. */
  #transport = 0;
  #turnedAt = 0;
  #link: Link | null = null;
  #isReady = false;
  /** The id of the pending attach command, before whose answer events are dropped; empty for none. */
  #attaching = "";
  #lastId = 0;
  #inFlight = new InFlight();
  /** The data of `connection_closing`; empty before. */
  #closing: Partial<ConnectionClosing> = {};
  #attempt = 0;
  /** The token that the server refused, empty for none; and why. */
  #refused = "";
  #why: readonly [code: string, reason: string] | undefined;
  #liveness = new Liveness();
  #liveAt = 0;
  #trouble: Trouble | null = null;
  /** Whether the last event's run will go on by itself. */
  #isInRun = false;
  #renewAt = Number.POSITIVE_INFINITY;
  #ticking: ReturnType<typeof setInterval> | undefined;
  #reconnect: ReturnType<typeof setTimeout> | undefined;
  /** Counts connections, to recognise callbacks of an earlier one. */
  #life = 0;

  constructor(base: URL, credential: Credential, transports: readonly Transport[], owner: Owner) {
    this.#base = base;
    this.#credential = credential;
    this.#transports = transports;
    this.#owner = owner;
  }

  open(): void {
    this.close();
    this.#ticking = setInterval(() => this.#tick(), TICK_MS);
    this.#attempt = 0;
    this.#refused = "";
    this.#connect();
  }

  /** Close it, and do not reconnect. */
  close(): void {
    this.#ticking = void clearInterval(this.#ticking);
    this.#drop();
  }

  /** Disconnect for good, with the reason. */
  end(phase: "stopped" | "signed_out", code: string, reason: string): void {
    this.close();
    this.#owner.onStatus({ phase, code, reason });
  }

  /** Skip the rest of a back-off; or ping, and expect a response within `signMaxMs`. */
  nudge(signMaxMs: number): void {
    if (this.#reconnect) this.#connect();
    else if (this.#isReady) this.#askForSign(signMaxMs);
  }

  /**
   * Reconnect, or end if nobody is signed in.
   *
   * @param thrown what has failed; absent to ask again for the events after the cursor
   */
  restart(thrown?: unknown): void {
    if (!this.#ticking) return;
    this.#drop();
    const failure: Partial<ThreadcastError> = Object(thrown);
    const { code = "", message = "", status, retryAfterMs = 0 } = failure;
    if (status !== 401) this.#wait(retryAfterMs, code, message);
    else this.end("signed_out", ...((code === "signed_out" && this.#why) || [code, message]));
  }

  /** Set the trouble that the owner found; null for none. */
  troubled(trouble: Trouble | null): void {
    if (this.#trouble !== UNANSWERED) this.#setTrouble(trouble);
  }

  /**
   * Send a command. Resolves with the data of its response.
   *
   * @throws ThreadcastError the server refused it; `unreachable`: there was no response
   */
  async request<C extends Unsent>(command: C): Promise<AnswerOf<C["command"]>> {
    if (!this.#isReady) throw unreachable();
    const unsent: Unsent = command;
    this.#lastId += 1;
    const id = `c${this.#lastId}`;
    if (unsent.command === "attach") this.#attaching = id;
    this.#link?.send({ ...unsent, id });
    const characters = "content" in unsent ? unsent.content.length : 0;
    // The answer with this id is this command's.
    return this.#inFlight.add(id, characters) as Promise<AnswerOf<C["command"]>>;
  }

  #connect(): void {
    this.#drop();
    const life = this.#life;
    if (steadyMs() - this.#turnedAt > TRANSPORT_MAX_MS) this.#transport = 0;
    this.#owner.onStatus({ phase: "connecting", attempt: this.#attempt });
    const isOld =
      this.#refused || (Date.now() > this.#renewAt ? this.#credential.current : undefined);
    this.#needs(
      this.#credential.get(isOld).then((token) => {
        if (life === this.#life) this.#begin(token, this.#transports.length);
      }),
    );
  }

  /** @param left how many transports are left to try, with this one */
  #begin(token: string, left: number): void {
    const life = this.#life;
    this.#liveness = new Liveness();
    this.#liveness.expect(steadyMs() + HANDSHAKE_MAX_MS);
    this.#link = (this.#transports[this.#transport] as Transport)(this.#base, token, {
      onText: (text) => {
        if (life === this.#life) this.#hear(text);
      },
      onClose: (code) => {
        if (life !== this.#life) return;
        if (code === BLOCKED) this.#turn();
        // The server refused the fallback: it may have refused the preferred transport as well.
        else if (!this.#liveAt) this.#transport = 0;
        if (code === BLOCKED && left > 1) this.#begin(token, left - 1);
        else this.#lost(code);
      },
    });
  }

  /** This transport is blocked: move on to the next. */
  #turn(): void {
    this.#link?.close();
    this.#transport = (this.#transport + 1) % this.#transports.length;
    this.#turnedAt = steadyMs();
  }

  #hear(text: string): void {
    const life = this.#life;
    this.#liveness.heard(steadyMs());
    if (this.#trouble === UNANSWERED) this.#setTrouble(null);
    let events: JournalEvent[] = [];
    for (const line of text.split("\n")) {
      if (!line) continue;
      const event: JournalEvent | ConnectionEvent = JSON.parse(line);
      if ("seq" in event) {
        if (!this.#attaching) events.push(event);
        continue;
      }
      this.#tell(events);
      events = [];
      this.#said(event);
      if (life !== this.#life) return;
    }
    this.#tell(events);
  }

  #tell(events: JournalEvent[]): void {
    const last = events.at(-1);
    if (!last) return;
    this.#isInRun = isFollowed(last);
    this.#setTrouble(null);
    this.#owner.onEvents(events);
  }

  #said(event: ConnectionEvent): void {
    if ("expires_at" in event.data) this.#renewIn(event.data.expires_at, event.timestamp);
    switch (event.event_type) {
      case "connection_ready":
        if (this.#isReady) return;
        this.#isReady = true;
        this.#needs(this.#owner.onReady(event));
        break;
      case "attached":
        this.#refused = "";
        this.#why = undefined;
        if (this.#attaching) return;
        this.#needs(this.#owner.onAttached(event));
        break;
      case "caught_up":
        if (this.#attaching) return;
        this.#liveAt ||= steadyMs();
        this.#tellLive();
        break;
      case "command_accepted":
        if (event.data.id === this.#attaching) this.#attaching = "";
        if ("seq" in event.data) this.#setTrouble(null);
        this.#inFlight.take(event.data.id)?.resolve(event.data);
        break;
      case "command_rejected": {
        const { id, code, message: reason } = event.data;
        if (isNotStored(code)) this.#setTrouble({ code, reason });
        this.#inFlight.take(id)?.reject(new ThreadcastError(code, reason, event.data));
        break;
      }
      case "connection_closing":
        this.#closing = event.data;
    }
  }

  /** Reconnect if this fails, unless that has happened already. */
  #needs(work: Promise<void>): void {
    const life = this.#life;
    work.catch((error) => {
      if (life === this.#life) this.restart(error);
    });
  }

  #setTrouble(trouble: Trouble | null): void {
    const isOther = this.#trouble?.code !== trouble?.code;
    this.#trouble = trouble;
    if (isOther && this.#liveAt) this.#tellLive();
  }

  #tellLive(): void {
    const { transport } = this.#link as Link;
    const trouble = this.#trouble;
    this.#owner.onStatus({ phase: "live", transport, ...(trouble && { trouble }) });
  }

  #lost(closed: number): void {
    const closing = this.#closing;
    const { code: close = closed, error: code = "", reason = "" } = closing;
    this.#drop();
    if (close === CREDENTIAL) {
      // Try one other token; none after "sign out everywhere".
      if (code === "revoked" || this.#refused) this.end("signed_out", code, reason);
      else {
        this.#refused = this.#credential.current;
        this.#why = [code, reason];
        this.#connect();
      }
    } else if (closing.reconnect === false || close === UNUSABLE || close === FORBIDDEN) {
      this.end("stopped", code, reason);
    } else this.#wait(closing.retry_after_ms ?? 0, code, reason);
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
    this.#reconnect = void clearTimeout(this.#reconnect);
    this.#link?.close();
    this.#link = this.#trouble = null;
    this.#closing = {};
    this.#isReady = this.#isInRun = false;
    this.#attaching = "";
    this.#liveAt = 0;
    this.#inFlight.drop();
  }

  /** Plan the renewal of the credential before it expires and ends the connection. */
  #renewIn(expiresAt: number | null, now: number): void {
    const leftMs = (expiresAt ?? Number.POSITIVE_INFINITY) - now;
    this.#renewAt = Date.now() + 1_000 * Math.max(1, leftMs * RENEW_AT_SHARE);
  }

  async #renew(): Promise<void> {
    // If this fails, the next tick after `#renewAt` retries.
    this.#renewAt = Date.now() + RENEW_AGAIN_MS;
    const token = await this.#credential.get(this.#credential.current);
    await this.request({ command: "authenticate", token });
  }

  #tick(): void {
    const now = steadyMs();
    if (this.#liveAt && now - this.#liveAt > STEADY_MS) this.#attempt = 0;
    if (!this.#link) return;
    if (this.#liveness.isLost(now)) {
      if (!this.#isReady) this.#turn();
      this.#lost(LOST);
    } else if (this.#isReady) {
      if (Date.now() > this.#renewAt) this.#renew().catch(() => {});
      this.#watch(now);
    }
  }

  #watch(now: number): void {
    const isInRun = this.#isInRun || !!this.#trouble;
    if (this.#liveness.isLate(now)) this.#setTrouble(UNANSWERED);
    else if (this.#liveness.isToBeAsked(now, this.#inFlight.since, isInRun)) {
      this.#askForSign(SIGN_MAX_MS);
      if (isInRun) this.#owner.onSilence();
    }
  }

  #askForSign(maxMs: number): void {
    this.request({ command: "ping" }).catch(() => {});
    this.#liveness.expect(this.#inFlight.arrivesAt + maxMs);
  }
}
