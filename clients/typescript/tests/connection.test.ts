/** Connections: made, lost, made again, and given up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Transport } from "../src/index.ts";
import { client, phase, server, started } from "./client_scene.ts";
import { pass, settled, USER } from "./fake_server.ts";

const attaches = () =>
  server.links.map(({ commands }) => commands.find((one) => one.command === "attach"));

test("it attaches at the head and is live", async () => {
  server.append("agent_delta", { text: "before" });
  await started();
  assert.deepEqual(client.status, { phase: "live", transport: "websocket" });
  assert.deepEqual([client.user, client.cursor.after], [USER, 1]);
});

test("what happened while disconnected is delivered once, in order", async () => {
  await started();
  const seen: number[] = [];
  client.on("*", ({ event_type, ...one }) => seen.push("seq" in one ? one.seq : 0));
  for (let count = 0; count < 3; count += 1) server.append("agent_delta", { text: "x" });
  await pass(100);
  server.link.drop();
  server.pageEvents = 2;
  for (let count = 0; count < 5; count += 1) server.append("agent_delta", { text: "y" });
  await pass(1_000);
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8]);
  const { after, at, feed } = attaches()[1] as never;
  assert.deepEqual([after, at, feed], [3, 4.5, server.feed]);
});

test("back-off grows up to a limit, and resets once a connection was stable", async () => {
  await started();
  server.greets = false;
  const waits = [];
  for (let attempt = 0; attempt < 8; attempt += 1) {
    server.link.drop();
    await settled();
    assert.equal(client.status.phase, "waiting");
    const untilMs = "untilMs" in client.status ? client.status.untilMs : 0;
    waits.push(untilMs - Date.now());
    await pass(waits.at(-1) ?? 0);
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  server.greet(server.link);
  await pass(12_000);
  assert.equal(phase(), "live");
  server.link.drop();
  await settled();
  assert.equal("untilMs" in client.status && client.status.untilMs - Date.now(), 500);
});

test("it honours retry_after_ms, and reports the reason", async () => {
  await started();
  const closing = {
    error: "overloaded",
    reason: "too busy",
    reconnect: true,
    retry_after_ms: 7_000,
  };
  server.link.say("connection_closing", { code: 1013, ...closing });
  server.link.drop(1013);
  await settled();
  const { code, reason, untilMs } = client.status as never;
  assert.deepEqual([code, reason, untilMs - Date.now()], ["overloaded", "too busy", 7_500]);
});

test("it stops if reconnecting would not help", async () => {
  await started();
  const closing = { error: "evicted", reason: "evicted", reconnect: false };
  server.link.say("connection_closing", { code: 4429, ...closing });
  server.link.drop(4429);
  await pass(60_000);
  assert.deepEqual(client.status, { phase: "stopped", code: "evicted", reason: "evicted" });
  assert.equal(server.links.length, 1);
});

test("a hanging handshake is given up", async () => {
  server.greets = false;
  await started();
  await pass(12_000);
  assert.ok(server.links.length >= 2);
  assert.ok(server.links[0]?.isClosed);
});

test("a wait is cut short when there is a network again", async () => {
  await started();
  for (let drops = 0; drops < 5; drops += 1) {
    server.link.drop();
    client.handleEvent(new Event("online"));
    await settled();
  }
  assert.equal(server.links.length, 6);
  assert.equal(phase(), "live");
});

test("without a network it says that it is offline", async () => {
  await started();
  Object.defineProperty(navigator, "onLine", { value: false, configurable: true });
  client.handleEvent(new Event("offline"));
  server.ignores.add("ping");
  await pass(250);
  assert.equal(phase(), "live", "the server may be on this machine");
  client.handleEvent(new Event("offline"));
  await pass(2_000);
  assert.equal(phase(), "offline");
  Reflect.deleteProperty(navigator, "onLine");
});

test("where one transport is blocked the next is tried at once, and is the first from then on", async () => {
  const tried: string[] = [];
  await started({
    transports: [
      (_base, _token, listener) => {
        tried.push("blocked");
        queueMicrotask(() => listener.onClose(0));
        return { transport: "websocket", send() {}, close() {} };
      },
      (base, token, listener) => {
        tried.push("open");
        return server.open(base, token, listener);
      },
    ],
  });
  assert.equal(phase(), "live");
  server.link.drop();
  await pass(1_000);
  assert.deepEqual(tried, ["blocked", "open", "open"]);
});

/** A transport that is refused by this close code, and notes that it was tried. */
const refused =
  (name: string, code: number, tried: string[]): Transport =>
  (_base, _token, listener) => {
    tried.push(name);
    queueMicrotask(() => listener.onClose(code));
    return { transport: "websocket", send() {}, close() {} };
  };

test("a better transport is tried again after a while, at the next connection", async () => {
  const tried: string[] = [];
  await started({ transports: [refused("better", 0, tried), server.open] });
  server.link.drop();
  await pass(1_000);
  assert.deepEqual(tried, ["better"]);
  await pass(300_000);
  assert.deepEqual(tried, ["better"]);
  server.link.drop();
  await pass(1_000);
  assert.deepEqual([tried, phase()], [["better", "better"], "live"]);
});

test("where the server refuses every transport for a while, the best is the first to be tried again", async () => {
  const tried: string[] = [];
  let isDown = true;
  const better: Transport = (...link) =>
    isDown ? refused("better", 0, tried)(...link) : server.open(...link);
  await started({ transports: [better, refused("other", 1006, tried)] });
  assert.deepEqual([tried, phase()], [["better", "other"], "waiting"]);
  isDown = false;
  await pass(1_000);
  assert.deepEqual([tried, phase()], [["better", "other"], "live"]);
});

test("a transport that swallows everything is left, too", async () => {
  const swallowing = () => ({ transport: "websocket", send() {}, close() {} }) as const;
  await started({ transports: [swallowing, server.open] });
  await pass(12_000);
  assert.equal(phase(), "live");
});
