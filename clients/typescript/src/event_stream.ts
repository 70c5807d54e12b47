/**
 * Server-Sent Events, where WebSockets are blocked: events over one long answer, commands as
 * requests of their own. It says what a WebSocket would say.
 */
import { subjectOf } from "./credential.ts";
import type { ThreadcastError } from "./error.ts";
import { Http, refusal } from "./http.ts";
import type { OpenLink } from "./link.ts";
import type { Attach, Command, ConnectionEvent } from "./protocol.ts";

/** Close codes are statuses of HTTP beyond this. */
const CLOSES = 4_000;
const LOST = 1006;

export const eventStream: OpenLink = (base, token, listener) => {
  let isOver = false;
  /** Of the latest attach: another one ends it. */
  let stream = new AbortController();
  const close = () => {
    isOver = true;
    stream.abort();
  };
  const end = (code: number) => {
    if (!isOver) listener.onClose(code);
    close();
  };
  const say = (event_type: ConnectionEvent["event_type"], data: object) => {
    const event = { event_type, timestamp: Date.now() / 1_000, user_id: subjectOf(token), data };
    if (!isOver) listener.onText(JSON.stringify(event));
  };
  const http = new Http(base, {
    current: token,
    get() {
      end(CLOSES + 401);
      throw refusal(401, null);
    },
  });

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
      if (!signal.aborted) end(wasOpen ? LOST : 0);
    }
  }

  /** An event is one line of `data:`; other lines are signs of life. */
  async function read(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      const told = lines.filter((line) => line.startsWith("data: "));
      listener.onText(told.map((line) => line.slice(6)).join("\n"));
    }
  }

  function request({ id, command, ...fields }: Command) {
    const { thread_id, run_id } = fields as { thread_id?: string; run_id?: string };
    const path = run_id
      ? `runs/${run_id}/${command.replace("_run", "")}`
      : thread_id
        ? `threads/${thread_id}/messages`
        : "messages";
    http.request<object>("POST", `v1/${path}`, fields).then(
      (answer) => say("command_accepted", { id, command, ...answer }),
      ({ code, message, retryable, retryAfterMs }: ThreadcastError) =>
        say("command_rejected", {
          id,
          // Here the connection is not lost, so that this must be tried again by itself.
          code: code === "unreachable" ? "unavailable" : code,
          message,
          retryable,
          retry_after_ms: retryAfterMs,
        }),
    );
  }

  queueMicrotask(() => say("connection_ready", { feed: null, expires_at: null }));
  return {
    kind: "sse",
    send(command) {
      if (command.command === "attach") attach(command);
      else if (command.command !== "ping") request(command);
    },
    close,
  };
};
