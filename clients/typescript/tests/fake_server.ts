/** A server without a network: a journal, the links to it, and what `fetch` would answer. */

import { mock } from "node:test";
import type {
  Attach,
  Command,
  ConnectionEvent,
  JournalEvent,
  RunStatus,
  SendMessage,
  Thread,
} from "../src/protocol.ts";
import type { Link, Listener, Transport } from "../src/transport/transport.ts";

export const USER = "u-17";
export const THREAD = "thread_chat_1_1_00000000";
export const RUN = "run_chat_1_1_00000000";

const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
let tokens = 0;

/** A token as far as clients read it. */
export const tokenFor = (user: string): string =>
  `${base64({ alg: "none" })}.${base64({ sub: user, jti: ++tokens })}.x`;

/** A journal event of the one user. */
export function event(
  seq: number,
  event_type: JournalEvent["event_type"],
  data: object,
  {
    thread = THREAD,
    run = RUN,
    ...more
  }: { thread?: string; run?: string; first_seq?: number } = {},
): JournalEvent {
  const envelope = {
    event_type,
    timestamp: 1.5 + seq,
    user_id: USER,
    thread_id: thread,
    data,
    seq,
  };
  const of = event_type.startsWith("thread_") ? {} : { run_id: run };
  return { ...envelope, ...of, ...more } as JournalEvent;
}

/** Let everything happen that is only waiting for its turn. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) await Promise.resolve();
}

/** Let time go by, on the clock that is the test's own. */
export async function pass(ms: number): Promise<void> {
  await settled();
  for (let left = ms; left > 0; left -= 250) {
    mock.timers.tick(Math.min(left, 250));
    await settled();
  }
}

/** Let `AbortSignal.timeout` go by the test's own clock, too. */
export function mockTimeouts(): void {
  mock.method(AbortSignal, "timeout", (ms: number) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), ms);
    return controller.signal;
  });
}

/** Set the wall clock back by so much; what was to come after some time still does. */
export function setBack(ms: number): void {
  const { now } = Date;
  mock.method(Date, "now", () => now() - ms);
}

export class FakeLink implements Link {
  readonly transport = "websocket";
  readonly token: string;
  readonly commands: Command[] = [];
  isClosed = false;
  #server: FakeServer;
  #listener: Listener;

  constructor(server: FakeServer, token: string, listener: Listener) {
    this.#server = server;
    this.token = token;
    this.#listener = listener;
  }

  send(command: Command): void {
    this.commands.push(command);
    this.#server.answer(this, command);
  }

  close(): void {
    this.isClosed = true;
  }

  /** Say this to the client. */
  say(event_type: ConnectionEvent["event_type"], data: object): void {
    this.text(JSON.stringify({ event_type, timestamp: this.#server.now, user_id: USER, data }));
  }

  text(text: string): void {
    if (!this.isClosed) this.#listener.onText(text);
  }

  /** The connection is lost. */
  drop(code = 1006): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#listener.onClose(code);
  }
}

export class FakeServer {
  journal: JournalEvent[] = [];
  feed = "feed_1_1_00000000";
  /** Seconds since the epoch. */
  now = 1_000;
  expiresAt: number | null = null;
  /** Whether it says `connection_ready` by itself. */
  greets = true;
  /** Commands that it answers nothing to. */
  ignores = new Set<string>();
  /** Answer the next command of a name with this refusal. */
  refusals = new Map<string, object>();
  /** Tell events in pages of so many, each page twice. */
  pageEvents = Number.POSITIVE_INFINITY;
  pageMessages = 50;
  readonly links: FakeLink[] = [];
  readonly requests: string[] = [];
  #sent = new Map<string, { readonly command: SendMessage; readonly stored: JournalEvent }>();

  get head(): number {
    return this.journal.at(-1)?.seq ?? 0;
  }

  get link(): FakeLink {
    const link = this.links.at(-1);
    if (!link) throw new Error("nobody has connected");
    return link;
  }

  readonly open: Transport = (_base, token, listener) => {
    const link = new FakeLink(this, token, listener);
    this.links.push(link);
    queueMicrotask(() => {
      if (this.greets) this.greet(link);
    });
    return link;
  };

  greet(link: FakeLink): void {
    const { feed, head, expiresAt: expires_at } = this;
    link.say("connection_ready", { connection_id: "ws_conn_1", feed, head, expires_at });
  }

  /** Commit an event, and tell it to everybody. */
  append(type: JournalEvent["event_type"], data: object, more: Parameters<typeof event>[3] = {}) {
    const made = event(this.head + 1, type, data, more);
    this.journal.push(made);
    for (const link of this.links) link.text(JSON.stringify(made));
    return made;
  }

  answer(link: FakeLink, command: Command): void {
    const refusal = this.refusals.get(command.command);
    this.refusals.delete(command.command);
    queueMicrotask(() => {
      if (this.ignores.has(command.command)) return;
      if (refusal) link.say("command_rejected", { id: command.id, retryable: false, ...refusal });
      else this.#accept(link, command);
    });
  }

  #accept(link: FakeLink, command: Command): void {
    const accept = (data: object = {}) =>
      link.say("command_accepted", { id: command.id, command: command.command, ...data });
    if (command.command === "attach") {
      accept();
      this.attach(link, command);
    } else if (command.command === "send_message") {
      const known = this.#sent.get(command.client_message_id);
      if (known && known.command.thread_id !== command.thread_id) {
        const code = "idempotency_conflict";
        const message = "The key was used with another body.";
        link.say("command_rejected", { id: command.id, code, message, retryable: false });
        return;
      }
      const { seq, thread_id, run_id } = known?.stored ?? this.#store(command);
      accept({ seq, thread_id, run_id, duplicate: !!known });
    } else if (command.command === "authenticate") {
      accept({ user_id: USER, expires_at: this.expiresAt });
    } else accept({ status: "cancelled" });
  }

  attach(link: FakeLink, { after, feed }: Attach): void {
    const { head } = this;
    const from = after ?? head;
    const reset = (feed != null && feed !== this.feed) || from > head;
    const start = reset ? head : from;
    link.say("attached", {
      after: start,
      head,
      feed: this.feed,
      reset,
      ...(reset && { reason: "new_feed" }),
    });
    const events = this.journal.filter(({ seq }) => seq > start);
    for (let at = 0; at < events.length; at += this.pageEvents) {
      const page = events.slice(at, at + this.pageEvents).map((one) => JSON.stringify(one));
      link.text(page.join("\n"));
      if (this.pageEvents < events.length) link.text(page.join("\n"));
    }
    link.say("caught_up", { seq: head });
  }

  #store(command: SendMessage): JournalEvent {
    const { content, client_message_id, thread_id } = command;
    const thread = thread_id ?? `thread_chat_1_${this.head + 1}_00000000`;
    const run = `run_chat_1_${this.head + 1}_00000000`;
    if (!thread_id) this.append("thread_created", { title: null, metadata: {} }, { thread });
    const data = { role: "user", content, client_message_id };
    const stored = this.append("message_created", data, { thread, run });
    this.#sent.set(client_message_id, { command, stored });
    return stored;
  }

  /** What `fetch` gives. */
  readonly fetch = async (address: URL | string): Promise<Response> => {
    const { pathname, searchParams } = new URL(address);
    this.requests.push(pathname);
    const [, , , id, what] = pathname.split("/");
    const events = this.journal.filter(({ thread_id }) => thread_id === id);
    if (id === undefined) {
      const threads = this.#threads();
      return Response.json({ seq: this.head, threads, next: null });
    }
    const thread = this.#threads().find(({ thread_id }) => thread_id === id);
    if (!thread) return Response.json({ code: "not_found", detail: "No." }, { status: 404 });
    if (what === undefined) return Response.json({ seq: this.head, thread });
    if (what === "messages") return Response.json(this.#messages(events, searchParams));
    const after = Number(searchParams.get("after"));
    const later = events.filter(({ seq }) => seq > after);
    const page = later.slice(0, 7);
    const next = later.length > page.length ? (page.at(-1)?.seq ?? null) : null;
    return Response.json({ seq: this.head, events: page, next });
  };

  #messages(events: JournalEvent[], query: URLSearchParams): object {
    const before = Number(query.get("before") ?? Number.POSITIVE_INFINITY);
    const older = events.filter((one) => one.event_type === "message_created" && one.seq < before);
    const page = older.slice(-this.pageMessages);
    const messages = page.map(({ seq }) => ({ seq, role: "user" }));
    return {
      seq: this.head,
      messages,
      next: older.length > page.length ? `${page[0]?.seq}` : null,
    };
  }

  #threads(): Thread[] {
    const found = new Map<string, Thread>();
    /** The questions that nobody has answered, by run. */
    const open = new Map<string, Set<string>>();
    for (const event of this.journal) {
      const { event_type: type, thread_id: id = "", run_id = "", seq, timestamp, data } = event;
      if (type === "message_created") open.set(run_id, new Set());
      if (type === "input_requested") open.get(run_id)?.add(event.data.input_id);
      if (type === "input_received") open.get(run_id)?.delete(event.data.input_id);
      const known = found.get(id) ?? newThread(event);
      if (type === "thread_deleted") {
        found.delete(id);
        continue;
      }
      const { title, metadata, content } = data as unknown as Record<string, never>;
      const isTitled = type === "thread_created" || type === "thread_updated";
      found.set(id, {
        ...known,
        ...(isTitled && { title, metadata }),
        ...(MOVES.has(type) && { updated_at: timestamp, last_seq: seq }),
        preview: known.preview ?? (type === "message_created" ? (content ?? null) : null),
        live_runs: liveRuns(known, event, Boolean(open.get(run_id)?.size)),
      });
    }
    return [...found.values()].sort((a, b) => b.last_seq - a.last_seq);
  }
}

const ENDED = ["agent_completed", "agent_failed", "agent_cancelled"];
const MOVES = new Set(["thread_created", "message_created", "input_requested", ...ENDED]);
const STATUS: Readonly<Record<string, RunStatus>> = {
  message_created: "queued",
  agent_started: "running",
  input_requested: "running",
  input_received: "running",
};

function newThread({ thread_id: id = "", seq, timestamp }: JournalEvent): Thread {
  return {
    thread_id: id,
    title: null,
    preview: null,
    metadata: {},
    created_at: timestamp,
    updated_at: timestamp,
    last_seq: seq,
  };
}

function liveRuns(
  { live_runs = [] }: Thread,
  { event_type: type, run_id }: JournalEvent,
  isAsking: boolean,
) {
  const status = isAsking && STATUS[type] === "running" ? "waiting" : STATUS[type];
  if (run_id === undefined || (status === undefined && !ENDED.includes(type))) return live_runs;
  const others = live_runs.filter((run) => run.run_id !== run_id);
  return status === undefined ? others : [...others, { run_id, status }];
}
