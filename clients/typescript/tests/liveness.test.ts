/** Signs of life: when they are asked for, what is said meanwhile, and when a server is given up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, phase, server, started } from "./client_scene.ts";
import { pass, setBack, THREAD } from "./fake_server.ts";

const pings = () => server.link.commands.filter(({ command }) => command === "ping").length;
const trouble = () => (client.status.phase === "live" ? client.status.trouble?.code : "not live");
const RUNS = { message_created: { role: "user", content: "x", client_message_id: "m" } } as const;

/** Nothing that is said arrives any more, on either side, and nothing is closed. */
function hang(): void {
  for (const command of ["send_message", "cancel_run", "ping"]) server.ignores.add(command);
}

test("a quiet connection is asked once in 25 s, and given up 4 s after that", async () => {
  await started();
  await pass(99_000);
  assert.deepEqual([pings(), server.links.length], [3, 1]);
  hang();
  await pass(30_000);
  assert.equal(server.links.length, 2);
});

test("a command without an answer asks after 2 s, and the connection is lost 4 s later", async () => {
  await started();
  hang();
  const sent = client.send("Hello", { threadId: THREAD });
  await pass(1_500);
  assert.deepEqual([pings(), trouble()], [0, undefined]);
  await pass(1_000);
  assert.deepEqual([pings(), trouble()], [1, undefined]);
  await pass(1_500);
  assert.deepEqual([pings(), trouble()], [1, "unanswered"]);
  await pass(2_000);
  assert.equal(server.links.length, 1);
  server.ignores.clear();
  await pass(1_500);
  assert.deepEqual([server.links.length, phase()], [2, "live"]);
  await sent;
  const stored = server.journal.filter(({ event_type }) => event_type === "message_created");
  assert.equal(stored.length, 1);
});

test("so does a cancellation", async () => {
  await started();
  hang();
  client.cancel("run_1");
  await pass(6_250);
  assert.notEqual(phase(), "live");
});

const HOUR_MS = 3_600_000;

test("a clock that is set back keeps no dead connection", async () => {
  await started();
  await pass(10_000);
  setBack(HOUR_MS);
  hang();
  await pass(30_000);
  assert.equal(server.links.length, 2);
});

test("nor does one that is set back while a command waits, or a sign of life", async () => {
  await started();
  hang();
  client.send("Hello", { threadId: THREAD }).catch(() => {});
  await pass(1_000);
  setBack(HOUR_MS);
  await pass(2_000);
  assert.deepEqual([pings(), server.links.length], [1, 1]);
  setBack(HOUR_MS);
  await pass(5_000);
  assert.equal(server.links.length, 2);
});

test("who answers pings is not given up, however long a command takes", async () => {
  await started();
  server.ignores.add("send_message");
  client.send("Hello").catch(() => {});
  await pass(60_000);
  assert.deepEqual([server.links.length, trouble()], [1, undefined]);
  assert.ok(pings() > 20);
});

test("a sign of life that is late takes the word back", async () => {
  await started();
  hang();
  client.send("Hello").catch(() => {});
  await pass(4_000);
  assert.equal(trouble(), "unanswered");
  server.link.text("");
  assert.equal(trouble(), undefined);
});

test("a long message has the time that it takes on a slow connection", async () => {
  await started();
  server.ignores.add("send_message");
  client.send("x".repeat(64_000)).catch(() => {});
  await pass(9_500);
  assert.equal(pings(), 0);
  await pass(500);
  assert.equal(pings(), 1);
});

test("while a run goes on a silence of 5 s is asked about, and no other", async () => {
  await started();
  server.append("message_created", RUNS.message_created);
  server.append("agent_started", { agent: "demo", attempt: 1 });
  await pass(4_500);
  assert.equal(pings(), 0);
  await pass(500);
  assert.equal(pings(), 1);
  server.append("input_requested", { input_id: "i", prompt: "?", expires_at: 0 });
  await pass(20_000);
  assert.equal(pings(), 1);
  server.append("agent_cancelled", { reason: "x" });
  await pass(20_000);
  assert.equal(pings(), 1);
});

test("a server that dies while a run goes on is given up within 10 s", async () => {
  await started();
  server.append("agent_started", { agent: "demo", attempt: 1 });
  hang();
  await pass(10_000);
  assert.equal(server.links.length, 2);
});

test("a server that cannot store anything says so by what it refuses, until it takes something", async () => {
  await started();
  const away = { code: "unavailable", message: "away", retryable: true, retry_after_ms: 1_000 };
  server.refusals.set("send_message", away);
  client.send("Hello", { threadId: THREAD });
  await pass(100);
  assert.deepEqual(client.status, {
    phase: "live",
    transport: "websocket",
    trouble: { code: "unavailable", reason: "away" },
  });
  await pass(2_000);
  assert.deepEqual([trouble(), client.outbox], [undefined, []]);
});

test("what is refused for another reason is no trouble of the connection", async () => {
  await started();
  server.refusals.set("send_message", { code: "too_long", message: "too long" });
  client.send("Hello").catch(() => {});
  await pass(100);
  assert.equal(trouble(), undefined);
});
