/** What the page says of the connection. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Status } from "@threadcast/client";
import { describe, isDue, waitingMessages } from "../src/chat/banner_words.ts";

const NOW = 1_000_000;

test("while all is well there are no words", () => {
  assert.equal(describe({ phase: "live", transport: "websocket" }, 3, NOW), null);
});

test("a server that does not respond, or cannot store, is reported at once", () => {
  const live = { phase: "live", transport: "websocket" } as const;
  const silent = {
    ...live,
    trouble: { code: "unanswered", reason: "The server is not responding." },
  };
  const words = describe(silent, 1, NOW);
  assert.equal(
    words?.text,
    "The server is not responding. Your message is kept and will be sent as soon as possible.",
  );
  assert.equal(words?.isLasting, true);
  const away = { ...live, trouble: { code: "unavailable", reason: "the store cannot be used" } };
  assert.equal(describe(away, 0, NOW)?.text, "The server cannot store anything at the moment.");
  assert.match(describe(away, 2, NOW)?.text ?? "", /moment\. 2 messages are kept and will be/);
  const refused = { phase: "waiting", untilMs: NOW, code: "unavailable", reason: "x" } as const;
  assert.match(describe(refused, 0, NOW)?.text ?? "", /^The server cannot store /);
});

test("a wait says why, is counted down beside that, and can be cut short", () => {
  const waiting = { phase: "waiting", untilMs: NOW + 2_100, code: "", reason: "" } as const;
  const words = describe(waiting, 0, NOW);
  assert.equal(words?.text, "The connection was lost.");
  assert.equal(words?.aside, "Reconnecting in 3 s.");
  assert.equal(words?.action, "Reconnect now");
  assert.match(describe({ ...waiting, reason: "Too busy." }, 0, NOW)?.text ?? "", /^Too busy\.$/);
  assert.equal(describe(waiting, 0, NOW + 5_000)?.aside, "Reconnecting now.");
});

test("a long interruption says how long it has lasted", () => {
  const waiting = { phase: "waiting", untilMs: NOW + 2_100, code: "", reason: "" } as const;
  const asideOf = (status: Status, lastsMs: number) =>
    describe(status, 0, NOW, NOW - lastsMs)?.aside;
  assert.equal(asideOf({ phase: "connecting", attempt: 3 }, 9_999), "");
  assert.equal(asideOf({ phase: "connecting", attempt: 3 }, 45_000), "No connection for 45 s.");
  assert.equal(asideOf(waiting, 190_000), "Reconnecting in 3 s. No connection for 3 min.");
});

test("messages that wait are counted", () => {
  const offline = { phase: "offline", untilMs: NOW } as const;
  assert.equal(describe(offline, 0, NOW)?.text, "You are offline.");
  assert.equal(describe(offline, 1, NOW)?.text, "You are offline: 1 message waiting.");
  assert.equal(describe(offline, 2, NOW)?.text, "You are offline: 2 messages waiting.");
  const again = describe({ phase: "connecting", attempt: 2 }, 2, NOW)?.text;
  assert.equal(again, "Reconnecting… 2 messages will be sent when it is back.");
});

test("the number of events left to catch up on is grouped", () => {
  const words = describe({ phase: "catching_up", left: 1_204 }, 0, NOW);
  assert.deepEqual([words?.text, words?.aside], ["Catching up…", "1,204 events to go."]);
});

test("what will not go away by itself is shown at once", () => {
  const stopped = { phase: "stopped", code: "too_many_connections" } as const;
  const words = describe({ ...stopped, reason: "Too many connections." }, 0, NOW);
  assert.deepEqual(
    [words?.text, words?.action, words?.isLasting],
    ["Too many connections.", "Reconnect", true],
  );
  assert.equal(describe({ phase: "offline", untilMs: NOW }, 0, NOW)?.isLasting, true);
  assert.equal(describe({ phase: "connecting", attempt: 0 }, 0, NOW)?.isLasting, false);
});

test("only messages that are not with the server count as waiting", () => {
  const entry = { key: "k", error: null, thread: null, draft: null, content: "", runId: null };
  const rest = { inputId: null, value: null, createdAt: 0 };
  const of = (
    kind: "message" | "cancel",
    status: "waiting" | "sending" | "accepted" | "refused",
  ) => ({
    ...entry,
    ...rest,
    kind,
    status,
  });
  const outbox = [of("message", "waiting"), of("message", "sending"), of("message", "accepted")];
  assert.equal(waitingMessages([...outbox, of("message", "refused"), of("cancel", "waiting")]), 2);
});

test("a short interruption is not shown", () => {
  const cut = describe({ phase: "connecting", attempt: 1 }, 0, NOW);
  const stopped = describe({ phase: "stopped", code: "x", reason: "" }, 0, NOW);
  assert.ok(cut && stopped);
  assert.deepEqual(
    [NOW, NOW - 1_999, NOW - 2_000].map((sinceMs) => isDue(cut, sinceMs, NOW)),
    [false, false, true],
  );
  assert.equal(isDue(stopped, NOW, NOW), true);
});
