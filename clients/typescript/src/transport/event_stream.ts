/**
 * Server-Sent Events, for where WebSockets are blocked: events over one long response, commands as
 * requests. Passes on what a WebSocket would receive.
 */
import { subjectOf } from "../credential/claims.ts";
import { NO_ANSWER } from "../error.ts";
import { problemOf, type Refusal } from "../http/problem.ts";
import type { Attach, Command, ConnectionEvent } from "../protocol.ts";
import { BLOCKED, CREDENTIAL, LOST } from "./close_codes.ts";
import { connectionEvent } from "./connection_event.ts";
import type { Transport } from "./transport.ts";

type Body = ReadableStream<Uint8Array<ArrayBuffer>>;

/** The close code of a refused stream is its HTTP status plus this. */
const CLOSES = 4_000;
/** The heartbeat interval to expect until the server has announced its own. */
const HEARTBEAT_S = 20;
/** How late a heartbeat may be. */
const LATE_MAX_MS = 5_000;
/** How long a request may take; 8 s are the upload of the longest message at 64 kbit/s. */
const ANSWER_MAX_MS = 20_000;

export const eventStream: Transport = (base, first, listener) => {
  let token = first;
  let isOver = false;
  /** Aborts the current stream; a new one replaces it. */
  let stream = new AbortController();
  /** The cursor of the latest attach; undefined before the first. */
  let query: string | undefined;
  /** The id of the last complete event, after which a new stream resumes. */
  let lastId = "";
  let heartbeatS = HEARTBEAT_S;
  let quiet: ReturnType<typeof setTimeout> | undefined;
  /** Restart the timeout of the next heartbeat. */
  const listen = () => {
    clearTimeout(quiet);
    quiet = setTimeout(() => end(LOST), heartbeatS * 1_000 + LATE_MAX_MS);
  };
  const close = () => {
    isOver = true;
    clearTimeout(quiet);
    stream.abort();
  };
  const end = (code: number) => {
    if (!isOver) listener.onClose(code);
    close();
  };
  const say = (event_type: ConnectionEvent["event_type"], data: object) => {
    if (!isOver) listener.onText(connectionEvent(event_type, subjectOf(token), data));
  };
  const accept = ({ id, command }: Pick<Command, "id" | "command">, answer: object = {}) =>
    say("command_accepted", { id, command, ...answer });
  const reject = (id: string, { detail: message, ...more }: Omit<Refusal, "status">) =>
    say("command_rejected", { ...more, message, id });
  function attach(command: Attach) {
    const { after, feed } = command;
    query = after == null ? "" : `?after=${after}`;
    lastId = query && feed ? `${feed}:${after}` : "";
    begin(command);
  }

  /** @param command answered with the stream; none if the stream only goes on */
  async function begin(command?: Attach) {
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
      if (response.ok) {
        if (command) accept(command);
        await read(response.body as Body, signal);
      } else {
        const problem = await problemOf(response);
        if (command && problem.status === 400) return reject(command.id, problem);
        const { code: error, detail: reason, ...more } = problem;
        say("connection_closing", { ...more, error, reason, code: CLOSES + response.status });
      }
      if (!signal.aborted) end(LOST);
    } catch {
      if (!signal.aborted) end(wasOpen ? LOST : BLOCKED);
    }
  }

  /** Each event is one `data:` line, the first one `connection_ready`; any line is a heartbeat. */
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
        signal: AbortSignal.timeout(ANSWER_MAX_MS),
        method: "POST",
        headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
        body: JSON.stringify(fields),
      });
      if (response.ok) accept({ id, command }, await response.json());
      else {
        const problem = await problemOf(response);
        if (problem.status === 401 && problem.code !== "revoked") end(CREDENTIAL);
        reject(id, problem);
      }
    } catch {
      // The stream is still open, so reconnecting will not retry this: the outbox has to.
      reject(id, { code: "unanswered", detail: NO_ANSWER, retryable: true });
    }
  }

  /** Only success counts: a proxy answers 502 when the server is gone. */
  function ping(command: Command) {
    fetch(new URL("healthz", base), { signal: AbortSignal.timeout(ANSWER_MAX_MS) }).then(
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
        attach(command);
      } else if (command.command === "authenticate") {
        // A stream keeps the token that it was opened with: reopen it.
        token = command.token;
        accept(command);
        if (query !== undefined) begin();
      } else request(command);
    },
    close,
  };
};
