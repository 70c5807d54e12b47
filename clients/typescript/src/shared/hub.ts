/**
 * One connection for all pages of one user, to each of which it acts as the server.
 *
 * It has one cursor on the journal and keeps the latest events, from which a page with an older
 * cursor catches up. A cursor older than those is reset: the page reads its snapshots again. Whether
 * a cursor ahead of the hub's is right only the server knows: the hub attaches again, and the page
 * waits for the response. Knows nothing of workers and ports.
 */

import { steadyMs } from "../clock.ts";
import { arrival } from "../connection/in_flight.ts";
import { subjectOf } from "../credential/claims.ts";
import type {
  Attach,
  Attached,
  Command,
  ConnectionEvent,
  ConnectionReadyEvent,
  JournalEvent,
} from "../protocol.ts";
import { BLOCKED, CREDENTIAL, FORBIDDEN, LOST } from "../transport/close_codes.ts";
import { connectionEvent } from "../transport/connection_event.ts";
import type { Link, Transport } from "../transport/transport.ts";

const KEPT_MAX_EVENTS = 2_000;
const KEPT_MAX_CHARACTERS = 2_000_000;
/** A little less than pages wait for a ping, so that the hub reconnects once for all of them. */
const SIGN_MAX_MS = 3_000;
const ATTACH = "attach";

/** How far the connection has come since it asked for events. */
type Phase = "attaching" | "attached" | "live";

export interface Page {
  /** One or more events, one per line. */
  say(text: string): void;
  /** The connection ended with this close code. Called once, last. */
  end(code: number): void;
  /** The connection's transport. */
  transport(transport: Link["transport"]): void;
}

interface Kept {
  /** A merged event stands for all events from `first` to `seq`. */
  readonly first: number;
  readonly seq: number;
  readonly at: number;
  readonly line: string;
}

export class Hub {
  #transports: readonly Transport[];
  #link: Link | null = null;
  #life = 0;
  /** Runs while a ping waits for its response. */
  #silence: ReturnType<typeof setTimeout> | undefined;
  /** When everything that pages sent has reached the server over the slowest upload. */
  #arrivesAt = 0;
  /** The subject of all pages' tokens. */
  #user: string | null = null;
  #ready: ConnectionReadyEvent | null = null;
  #phase: Phase | null = null;
  /** The page whose token the connection uses. When it expires, other pages may have a newer one. */
  #bearer: Page | null = null;
  #isRevoked = false;
  /** The pages; each with its pending attach, or with whether it receives events. */
  #pages = new Map<Page, Attach | boolean>();
  #askers = new Map<string | null, { page: Page; id: string }>();
  #lastId = 0;
  /** The events after `#start`, up to the cursor. */
  #kept: Kept[] = [];
  #keptCharacters = 0;
  #start = 0;
  /** The end of the journal, as the server last reported it. */
  #head = 0;
  /** The pages that were waiting when the hub attached: its response answers them, too. */
  #covered = new Set<Page>();
  #cursor: { after: number; feed: string | null; at?: number } = { after: 0, feed: null };

  constructor(transports: readonly Transport[]) {
    this.#transports = transports;
  }

  get #isAttached(): boolean {
    return this.#phase === "attached" || this.#phase === "live";
  }

  /** A page joins, with its own token. */
  join(page: Page, base: URL, token: string): void {
    const subject = subjectOf(token);
    if (subject === null) {
      page.end(BLOCKED); // Without a subject the page needs a connection of its own.
      return;
    }
    if (this.#pages.size === 0 && subject !== this.#user) {
      this.#user = subject;
      this.#forget({});
    }
    // A page is admitted by the subject of its token; its own HTTP reads verify the token.
    if (subject !== this.#user) {
      page.end(FORBIDDEN);
      return;
    }
    this.#pages.set(page, false);
    if (this.#ready) this.#greet(page, this.#ready);
    else if (!this.#link) {
      this.#bearer = page;
      this.#isRevoked = false;
      this.#open(base, token, 0);
    }
  }

  /** A page has gone. */
  leave(page: Page): void {
    this.#pages.delete(page);
    if (this.#pages.size === 0) this.#over(LOST);
  }

  /** A page sends a command. */
  ask(page: Page, command: Command): void {
    if (!this.#pages.has(page) || !this.#link) return;
    if (command.command === "attach") this.#attach(page, command);
    else if (command.command === "authenticate" && subjectOf(command.token) !== this.#user) {
      this.leave(page);
      page.end(FORBIDDEN);
    } else {
      if (command.command === "authenticate") this.#bearer = page;
      const id = `p${++this.#lastId}`;
      this.#askers.set(id, { page, id: command.id });
      this.#link.send({ ...command, id });
      this.#arrivesAt = arrival(this.#arrivesAt, "content" in command ? command.content.length : 0);
      if (command.command === "ping") {
        const waitMs = this.#arrivesAt - steadyMs() + SIGN_MAX_MS;
        this.#silence ??= setTimeout(() => this.#over(LOST), waitMs);
      }
    }
  }

  #open(base: URL, token: string, index: number): void {
    const life = ++this.#life;
    const isCurrent = () => life === this.#life;
    const open = this.#transports[index];
    if (!open) {
      this.#over(LOST);
      return;
    }
    this.#link = open(base, token, {
      onText: (text) => {
        if (isCurrent()) this.#hear(text);
      },
      onClose: (code) => {
        if (!isCurrent()) return;
        if (code === BLOCKED) this.#open(base, token, index + 1);
        else this.#over(code);
      },
    });
  }

  #over(code: number): void {
    this.#silence = void clearTimeout(this.#silence);
    this.#life += 1;
    this.#link?.close();
    this.#link = this.#ready = this.#phase = null;
    this.#arrivesAt = 0;
    this.#askers.clear();
    const pages = this.#pages;
    this.#pages = new Map();
    for (const page of pages.keys()) page.end(this.#concerns(page, code) ? code : LOST);
  }

  /** Whether this close code is about this page, and not only about another page's token. */
  #concerns(page: Page, code: number): boolean {
    return code !== CREDENTIAL || this.#isRevoked || page === this.#bearer;
  }

  #hear(text: string): void {
    this.#silence = void clearTimeout(this.#silence);
    // An event stream cannot be pinged, so pages are given each of its heartbeats.
    if (!text) this.#tell("");
    const life = this.#life;
    const lines: string[] = [];
    for (const line of text.split("\n")) {
      if (!line) continue;
      const event: JournalEvent | ConnectionEvent = JSON.parse(line);
      if ("seq" in event) {
        if (this.#isAttached && this.#keep(event, line)) lines.push(line);
        continue;
      }
      if (lines.length) this.#tell(lines.splice(0).join("\n"));
      this.#said(event, line);
      if (life !== this.#life) return;
    }
    if (lines.length) this.#tell(lines.join("\n"));
  }

  #keep(event: JournalEvent, line: string): boolean {
    const { seq, timestamp: at } = event;
    const first = ("first_seq" in event && event.first_seq) || seq;
    if (seq <= this.#cursor.after) return false;
    this.#cursor = { ...this.#cursor, after: seq, at };
    this.#kept.push({ first, seq, at, line });
    this.#keptCharacters += line.length;
    while (this.#kept.length > KEPT_MAX_EVENTS || this.#keptCharacters > KEPT_MAX_CHARACTERS) {
      const { seq, line } = this.#kept.shift() as Kept;
      this.#start = seq;
      this.#keptCharacters -= line.length;
    }
    return true;
  }

  /** Send to all pages that receive events. */
  #tell(text: string): void {
    for (const [page, state] of this.#pages) if (state === true) page.say(text);
  }

  #said(event: ConnectionEvent, line: string): void {
    switch (event.event_type) {
      case "connection_ready":
        this.#begun(event);
        break;
      case "attached":
        this.#attached(event.data);
        break;
      case "caught_up":
        if (!this.#isAttached) return;
        this.#phase = "live";
        this.#head = event.data.seq;
        this.#tell(line);
        this.#answer();
        break;
      case "command_accepted":
      case "command_rejected": {
        const { id } = event.data;
        if (id === ATTACH && event.event_type === "command_rejected") {
          if (event.data.retryable || !this.#cursor.after) this.#over(LOST);
          else {
            // The server cannot read it: begin at the head, and reset the page that has it.
            this.#forget({});
            this.#askFor({});
          }
        }
        const asker = this.#askers.get(id);
        this.#askers.delete(id);
        asker?.page.say(JSON.stringify({ ...event, data: { ...event.data, id: asker.id } }));
        // A heartbeat for the other pages.
        this.#tell("");
        break;
      }
      case "connection_closing":
        this.#isRevoked = event.data.error === "revoked";
        for (const page of this.#pages.keys()) {
          if (this.#concerns(page, event.data.code)) page.say(line);
        }
    }
  }

  #begun(ready: ConnectionReadyEvent): void {
    if (ready.user_id !== this.#user) {
      this.#over(FORBIDDEN);
      return;
    }
    // Once an event stream is open it comes again: this one tells when the token expires.
    this.#ready = ready;
    for (const page of this.#pages.keys()) this.#greet(page, ready);
  }

  #greet(page: Page, ready: ConnectionReadyEvent): void {
    page.transport((this.#link as Link).transport);
    page.say(JSON.stringify(ready));
  }

  #attach(page: Page, wanted: Attach): void {
    this.#pages.set(page, wanted);
    this.#covered.delete(page);
    if (this.#isAttached) this.#answer();
    if (this.#phase) return;
    const reason = this.#reasonOf(wanted);
    if (this.#cursor.after === 0 || (reason && reason !== "cursor_ahead")) this.#forget(wanted);
    this.#askFor(wanted.after == null && this.#cursor.after === 0 ? {} : this.#cursor);
  }

  /** Ask the server for the events after a cursor. */
  #askFor(cursor: object): void {
    this.#phase = "attaching";
    this.#covered = new Set(this.#pages.keys());
    this.#link?.send({ command: "attach", id: ATTACH, ...cursor });
  }

  /** Answer the waiting pages for which the hub knows the answer. */
  #answer(): void {
    for (const [page, wanted] of this.#pages) {
      if (typeof wanted !== "object") continue;
      const isAhead = (wanted.after ?? 0) > this.#cursor.after;
      const isLive = this.#phase === "live";
      if (!isAhead || (isLive && this.#covered.has(page))) this.#place(page, wanted);
      else if (isLive) this.#askFor(this.#cursor);
    }
  }

  /** Why a page cannot resume from the kept events; null if it can. */
  #reasonOf({ after, feed, at }: Attach): Attached["reason"] | null {
    const cursor = this.#cursor;
    if (feed && cursor.feed && feed !== cursor.feed) return "new_feed";
    if (after == null) return null;
    if (after > Math.max(cursor.after, this.#head)) return "cursor_ahead";
    const next = this.#kept.find(({ seq }) => seq > after);
    if (after < this.#start || (next && next.first <= after)) return "trimmed";
    const last = this.#kept.find(({ seq }) => seq === after);
    return last && at != null && at !== last.at ? "diverged" : null;
  }

  /** Start over at a cursor. */
  #forget({ after, feed, at }: Pick<Attach, "after" | "feed" | "at">): void {
    this.#kept = [];
    this.#keptCharacters = 0;
    this.#start = this.#head = after ?? 0;
    this.#cursor = { after: this.#start, feed: feed ?? null, ...(at != null && { at }) };
  }

  #attached(data: Attached): void {
    const { after, feed, head, reset } = data;
    const isAnswer = this.#phase === "attaching";
    this.#phase = "attached";
    if (reset || this.#cursor.after === 0) this.#forget({ after, feed });
    this.#cursor = { ...this.#cursor, feed };
    this.#head = head;
    if (isAnswer && !reset) {
      this.#answer();
      return;
    }
    for (const [page, state] of this.#pages) {
      if (state) this.#point(page, state, data);
    }
  }

  /** Attach a page at its cursor, or reset it if that is not among the kept events. */
  #place(page: Page, wanted: Attach): void {
    const { after: head, feed } = this.#cursor;
    const reason = this.#reasonOf(wanted);
    if (reason) {
      this.#point(page, wanted, { after: head, feed, head, reset: true, reason });
    } else {
      const after = wanted.after ?? head;
      const last = Math.max(head, after, this.#head);
      this.#point(page, wanted, { after, feed, head: last, reset: false });
      const missed = this.#kept.filter(({ seq }) => seq > after).map(({ line }) => line);
      if (missed.length) page.say(missed.join("\n"));
    }
    if (this.#phase === "live") this.#speak(page, "caught_up", { seq: head });
  }

  #point(page: Page, wanted: Attach | boolean, data: Attached): void {
    this.#pages.set(page, true);
    if (typeof wanted === "object") {
      this.#speak(page, "command_accepted", { id: wanted.id, command: "attach" });
    }
    this.#speak(page, "attached", data);
  }

  #speak(page: Page, event_type: ConnectionEvent["event_type"], data: object): void {
    page.say(connectionEvent(event_type, this.#user, data));
  }
}
