/**
 * Server-Sent Events, where WebSockets are blocked: events over one long answer, commands as
 * requests of their own. It says what a WebSocket would say.
 */
import { subjectOf } from "./claims.ts";
import { BLOCKED, CREDENTIAL, LOST } from "./close_codes.ts";
import { NO_ANSWER } from "./error.ts";
import { problemOf } from "./problem.ts";
import type { Attach, Command, ConnectionEvent } from "./protocol.ts";
import { saying } from "./saying.ts";
import type { Transport } from "./transport.ts";

type Body = ReadableStream<Uint8Array<ArrayBuffer>>;

/** Close codes are statuses of HTTP beyond this. */
const CLOSES = 4_000;
/** How often a server gives a sign of life, until it has said so itself. */
const HEARTBEAT_S = 20;
/** So late may a sign of life be. */
const LATE_MAX_MS = 5_000;

export const eventStream: Transport = (base, first, listener) => {
  let token = first;
  let isOver = false;
  /** Another one ends it. */
  let stream = new AbortController();
  const requests = new AbortController();
  /** Where the latest attach wants to begin; undefined before the first. */
  let query: string | undefined;
  /** Of the last whole block that was read: behind it, another stream goes on. */
  let lastId = "";
  let heartbeatS = HEARTBEAT_S;
  let quiet: ReturnType<typeof setTimeout> | undefined;
  /** Something of the stream must be heard in time. */
  const listen = () => {
    clearTimeout(quiet);
    quiet = setTimeout(() => end(LOST), heartbeatS * 1_000 + LATE_MAX_MS);
  };
  const close = () => {
    isOver = true;
    clearTimeout(quiet);
    stream.abort();
    requests.abort();
  };
  const end = (code: number) => {
    if (!isOver) listener.onClose(code);
    close();
  };
  const say = (event_type: ConnectionEvent["event_type"], data: object) => {
    if (!isOver) listener.onText(saying(event_type, subjectOf(token), data));
  };
  const accept = ({ id, command }: Pick<Command, "id" | "command">, answer: object = {}) =>
    say("command_accepted", { id, command, ...answer });
  function attach({ after, feed }: Attach) {
    query = after == null ? "" : `?after=${after}`;
    lastId = query && feed ? `${feed}:${after}` : "";
    begin();
  }

  async function begin() {
    stream.abort();
    stream = new AbortController();
    const { signal } = stream;
    listen();
    let wasOpen = false;
    try {
      const response = await fetch(new URL(`v1/events${query}`, base), {
        headers: {
          Authorization: `Bearer ${token}`,
          Accept: "text/event-stream",
          ...(lastId && { "Last-Event-ID": lastId }),
        },
        signal,
      });
      wasOpen = true;
      if (response.ok) await read(response.body as Body, signal);
      else {
        const { code: error, detail: reason, ...more } = await problemOf(response);
        say("connection_closing", { ...more, error, reason, code: CLOSES + response.status });
      }
      end(LOST);
    } catch {
      if (!signal.aborted) end(wasOpen ? LOST : BLOCKED);
    }
  }

  /** An event is one line of `data:`, the first `connection_ready`; any line is a sign of life. */
  async function read(body: Body, signal: AbortSignal) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let id = "";
    let isGreeted = false;
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      const events: string[] = [];
      for (const line of lines) {
        if (line.startsWith("data: ")) events.push(line.slice(6));
        else if (line.startsWith("id: ")) id = line.slice(4);
        else if (!line) lastId = id;
      }
      if (events[0] && !isGreeted) {
        isGreeted = true;
        ({ heartbeat_s: heartbeatS = heartbeatS } = JSON.parse(events[0]).data);
      }
      listen();
      listener.onText(events.join("\n"));
    }
  }

  async function request({ id, command, ...fields }: Command) {
    const { thread_id, run_id } = fields as { thread_id?: string; run_id?: string };
    const path = run_id
      ? `runs/${run_id}/${command.replace("_run", "")}`
      : thread_id
        ? `threads/${thread_id}/messages`
        : "messages";
    try {
      const response = await fetch(new URL(`v1/${path}`, base), {
        method: "POST",
        headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
        body: JSON.stringify(fields),
        signal: requests.signal,
      });
      if (response.ok) accept({ id, command }, await response.json());
      else {
        const { detail: message, ...more } = await problemOf(response);
        if (more.status === 401 && more.code !== "revoked") end(CREDENTIAL);
        say("command_rejected", { ...more, message, id });
      }
    } catch {
      // The connection is not lost by this, so that it must be tried again by itself.
      say("command_rejected", { id, code: "unanswered", message: NO_ANSWER, retryable: true });
    }
  }

  /** Only an answer of the server is a sign of life: a proxy says 502 when there is none. */
  function ping(command: Command) {
    fetch(new URL("healthz", base), { signal: requests.signal }).then(
      ({ ok }) => ok && accept(command),
      () => {},
    );
  }

  queueMicrotask(() => say("connection_ready", { feed: null, expires_at: null }));
  return {
    transport: "sse",
    send(command) {
      if (command.command === "ping") ping(command);
      else if (command.command === "attach") {
        accept(command);
        attach(command);
      } else if (command.command === "authenticate") {
        // A stream keeps the token that it began with: another one goes on.
        token = command.token;
        accept(command);
        if (query !== undefined) begin();
      } else request(command);
    },
    close,
  };
};
