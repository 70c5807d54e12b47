/** What one client sends: once, in order, or refused; and what is left of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ThreadcastError } from "../src/index.ts";
import { client, greetedAsAnother, made, phase, server, started } from "./client_scene.ts";
import { pass, setBack, settled, THREAD, USER } from "./fake_server.ts";
import { storage } from "./tabs.ts";

const contents = () =>
  server.journal.flatMap((one) => (one.event_type === "message_created" ? one.data.content : []));

test("a message that is sent without a connection arrives once there is one", async () => {
  made();
  const sent = client.send("Hello", { draft: "d" });
  assert.deepEqual(
    client.outbox.map(({ status, draft }) => [status, draft]),
    [["waiting", "d"]],
  );
  client.start();
  await pass(100);
  const { thread_id, seq } = await sent;
  assert.equal(client.threadOf("d"), thread_id);
  assert.equal(seq, 2);
  assert.deepEqual(client.outbox, []);
});

test("an answer that was lost does not make a second message", async () => {
  await started();
  server.ignores.add("send_message");
  const sent = client.send("Hello");
  await pass(100);
  const command = server.link.commands.find((one) => one.command === "send_message");
  server.ignores.clear();
  if (command) server.answer(server.link, command);
  server.link.isClosed = true; // it is stored, but nobody hears of it
  await settled();
  server.link.isClosed = false;
  server.link.drop();
  await pass(1_000);
  await sent;
  const stored = server.journal.filter(({ event_type }) => event_type === "message_created");
  assert.equal(stored.length, 1);
});

test("messages of one draft go into one thread, in order", async () => {
  await started();
  client.send("one", { draft: "d" });
  client.send("two", { draft: "d" });
  await pass(200);
  client.send("three", { draft: "d" });
  await pass(200);
  const stored = server.journal.filter(({ event_type }) => event_type === "message_created");
  assert.equal(stored.length, 3);
  assert.equal(new Set(stored.map(({ thread_id }) => thread_id)).size, 1);
});

test("what can be tried again is, after the time that the server asks for", async () => {
  await started();
  const busy = { code: "rate_limited", message: "slowly", retryable: true, retry_after_ms: 3_000 };
  server.refusals.set("send_message", busy);
  client.send("Hello", { threadId: THREAD });
  await pass(100);
  assert.deepEqual(
    client.outbox.map(({ status, error }) => [status, error]),
    [["waiting", "slowly"]],
  );
  await pass(3_000);
  assert.equal(client.outbox.length, 1);
  await pass(1_000);
  assert.deepEqual(client.outbox, []);
});

test("a wait before another try goes on when the clock is set back", async () => {
  await started();
  const busy = { code: "rate_limited", message: "slowly", retryable: true, retry_after_ms: 3_000 };
  server.refusals.set("send_message", busy);
  client.send("Hello", { threadId: THREAD });
  await pass(100);
  setBack(3_600_000);
  await pass(5_000);
  assert.deepEqual([contents(), client.outbox], [["Hello"], []]);
});

test("what is refused for good says why, and can be sent again or discarded", async () => {
  await started();
  server.refusals.set("send_message", { code: "too_long", message: "too long" });
  const sent = client.send("Hello");
  await pass(100);
  await assert.rejects(sent, { code: "too_long" });
  const [entry] = client.outbox;
  assert.deepEqual([entry?.status, entry?.error], ["refused", "too long"]);
  client.retry(entry?.key ?? "");
  await pass(100);
  assert.deepEqual(client.outbox, []);
});

test("the outbox has an end", async () => {
  made();
  for (let count = 0; count < 100; count += 1) client.send("x");
  await assert.rejects(client.send("x"), ThreadcastError);
  client.cancel("run_1"); // Nobody handles its rejection, and nobody has to.
  await settled();
  client.discard(client.outbox[0]?.key ?? "");
  assert.equal(client.outbox.length, 99);
});

test("with a storage, what waits outlives the page, and is sent once", async () => {
  const kept = storage();
  await started({ storage: kept });
  server.ignores.add("send_message");
  client.send("Hello");
  await pass(100);
  client.close();
  server.ignores.clear();
  await started({ storage: kept });
  await pass(100);
  assert.equal(
    server.journal.filter(({ event_type }) => event_type === "message_created").length,
    1,
  );
  assert.deepEqual([client.outbox.length, Object.keys(kept)], [0, []]);
});

test("nobody is given what another user has left behind", async () => {
  const kept = storage();
  kept.setItem(`threadcast ${JSON.stringify(["http://test/", "u-1"])}k`, "{}");
  await started({ storage: kept });
  assert.deepEqual(client.outbox, []);
});

test("what is asked for before anybody is known is kept for who signs in", async () => {
  const kept = storage();
  server.greets = false;
  made({ storage: kept });
  client.send("Hello");
  assert.deepEqual(Object.keys(kept), []);
  server.ignores.add("send_message");
  client.start();
  await settled();
  server.greet(server.link);
  await pass(100);
  const [name] = Object.keys(kept);
  assert.ok(name?.startsWith(`threadcast ${JSON.stringify(["http://test/", USER])}`));
});

test("what waits stays with its user when another one signs in", async () => {
  const kept = storage();
  await started({ storage: kept });
  server.ignores.add("send_message");
  const sent = client.send("Hello", { draft: "d" });
  await pass(100);
  await greetedAsAnother();
  assert.deepEqual([client.outbox, Object.keys(kept).length], [[], 1]);
  await assert.rejects(sent, { code: "identity_change" });
});

for (const [end, close, error] of [
  ["signed_out", 4_401, "revoked"],
  ["stopped", 4_403, "forced_close"],
] as const) {
  test(`who waits learns that the client is ${end}, and messages are kept`, async () => {
    await started();
    server.ignores.add("send_message");
    const sent = client.send("one");
    const next = client.events().next();
    await pass(100);
    server.link.say("connection_closing", { code: close, error, reason: "why", reconnect: false });
    server.link.drop(close);
    const later = [client.send("two"), client.events().next()];
    for (const told of [sent, next, ...later])
      await assert.rejects(told, { code: end, message: "why" });
    assert.deepEqual([phase(), client.outbox.length], [end, 2]);
    server.ignores.clear();
    client.start();
    await pass(100);
    assert.deepEqual(contents(), ["one", "two"]);
    await client.send("three");
  });
}

test("nobody waits for a client that was closed", async () => {
  made();
  const sent = client.send("before it begins");
  client.close();
  await assert.rejects(sent, { code: "closed" });
  assert.equal(client.outbox.length, 1);
});

test("signing out leaves nothing behind", async () => {
  const kept = storage();
  await started({ storage: kept, resume: true });
  server.append("agent_delta", { text: "x" });
  await pass(100);
  server.ignores.add("send_message");
  client.send("Hello");
  client.signOut();
  await settled();
  assert.deepEqual([client.outbox.length, client.user, phase()], [0, null, "signed_out"]);
  assert.deepEqual(Object.keys(kept), []);
});

test("what is sent after signing out is nobody's, so the next user does not send it", async () => {
  await started();
  client.signOut();
  await assert.rejects(client.send("a secret"), { code: "discarded" });
  assert.deepEqual(client.outbox, []);
  client.start();
  const sent = client.send("Hello");
  await pass(1_000);
  await sent;
  assert.deepEqual(contents(), ["Hello"]);
});

test("nor does signing out while the server has not yet said who is here", async () => {
  const kept = storage();
  await started({ storage: kept, resume: true });
  server.append("agent_delta", { text: "x" });
  await pass(100);
  server.greets = false;
  server.link.drop();
  await settled();
  client.send("secret").catch(() => {});
  client.close();
  assert.equal(Object.keys(kept).length, 2);
  await started({ storage: kept, resume: true });
  assert.equal(client.user, null);
  client.signOut();
  assert.deepEqual([Object.keys(kept), client.outbox, client.user], [[], [], null]);
});

test("signing out with a token that says nothing ends, too", async () => {
  await started({ token: () => "opaque" });
  client.signOut();
  assert.equal(phase(), "signed_out");
});

test("a cancel and an answer are sent until they are accepted", async () => {
  await started();
  server.greets = false;
  server.link.drop();
  client.cancel("run_1");
  client.cancel("run_1");
  client.respond("run_2", "input_1", { n: 1 });
  server.greets = true;
  await pass(1_000);
  const sent = server.link.commands.filter(({ command }) => /cancel|respond/.test(command));
  assert.deepEqual(
    sent.map(({ id, ...fields }) => fields),
    [
      { command: "cancel_run", run_id: "run_1" },
      { command: "respond", run_id: "run_2", input_id: "input_1", value: { n: 1 } },
    ],
  );
  assert.deepEqual(client.outbox, []);
});
