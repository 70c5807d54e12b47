/**
 * Server-Sent Events, where WebSockets are blocked: events over one long answer, commands as
 * requests of their own. It says what a WebSocket would say.
 */
import { subjectOf } from "./claims.ts";
import { BLOCKED, CREDENTIAL, LOST } from "./close_codes.ts";
import type { ThreadcastError } from "./error.ts";
import type { Attach, Command, ConnectionEvent } from "./protocol.ts";
import { ask, refusal } from "./request.ts";
import type { Transport } from "./transport.ts";

/** Close codes are statuses of HTTP beyond this. */
const CLOSES = 4_000;
/** The longest that a server may be set to say nothing, and a little more. */
const QUIET_MAX_MS = 65_000;

export const eventStream: Transport = (base, first, listener) => {
  let token = first;
  let isOver = false;
  /** Of the latest attach: another one ends it. */
  let stream = new AbortController();
  const requests = new AbortController();
  let quiet: ReturnType<typeof setTimeout> | undefined;
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
    const event = { event_type, timestamp: Date.now() / 1_000, user_id: subjectOf(token), data };
    if (!isOver) listener.onText(JSON.stringify(event));
  };
  async function attach({ id, command, after, feed }: Attach) {
    say("command_accepted", { id, command });
    const cursor = Object.entries({ after, feed }).filter(([, value]) => value != null);
    const query = new URLSearchParams(cursor as [string, string][]);
    stream.abort();
    stream = new AbortController();
    const { signal } = stream;
    let wasOpen = false;
    try {
      const response = await fetch(new URL(`v1/events?${query}`, base), {
        headers: { Authorization: `Bearer ${token}`, Accept: "text/event-stream" },
        signal,
      });
      wasOpen = true;
      if (response.ok) await read(response.body as ReadableStream<Uint8Array<ArrayBuffer>>);
      else {
        const { code, message, retryAfterMs } = refusal(
          response.status,
          await response.json().catch(() => null),
        );
        say("connection_closing", {
          error: code,
          reason: message,
          retry_after_ms: retryAfterMs,
          code: CLOSES + response.status,
        });
      }
      end(LOST);
    } catch {
      if (!signal.aborted) end(wasOpen ? LOST : BLOCKED);
    }
  }

  /** An event is one line of `data:`; other lines are signs of life. */
  async function read(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      clearTimeout(quiet);
      quiet = setTimeout(() => end(LOST), QUIET_MAX_MS);
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      listener.onText(
        lines
          .filter((line) => line.startsWith("data: "))
          .map((line) => line.slice(6))
          .join("\n"),
      );
    }
  }

  function request({ id, command, ...fields }: Command) {
    const { thread_id, run_id } = fields as { thread_id?: string; run_id?: string };
    const path = run_id
      ? `runs/${run_id}/${command.replace("_run", "")}`
      : thread_id
        ? `threads/${thread_id}/messages`
        : "messages";
    const { signal } = requests;
    ask<object>(new URL(`v1/${path}`, base), { method: "POST", json: fields, token, signal }).then(
      (answer) => say("command_accepted", { id, command, ...answer }),
      ({ code, status, message, retryable, retryAfterMs }: ThreadcastError) => {
        if (status === 401 && code !== "revoked") end(CREDENTIAL);
        say("command_rejected", {
          id,
          // Here the connection is not lost, so that this must be tried again by itself.
          code: code === "unreachable" ? "unanswered" : code,
          message,
          retryable,
          retry_after_ms: retryAfterMs,
        });
      },
    );
  }

  /** Only an answer of the server is a sign of life: a proxy says 502 when there is none. */
  function ping({ id, command }: Command) {
    fetch(new URL("healthz", base), { signal: requests.signal }).then(
      ({ ok }) => ok && say("command_accepted", { id, command }),
      () => {},
    );
  }

  queueMicrotask(() => say("connection_ready", { feed: null, expires_at: null }));
  return {
    transport: "sse",
    send(command) {
      if (command.command === "attach") attach(command);
      else if (command.command === "authenticate") {
        // It is the next attach that has it.
        token = command.token;
        say("command_accepted", { id: command.id, command: command.command });
      } else if (command.command === "ping") ping(command);
      else request(command);
    },
    close,
  };
};
