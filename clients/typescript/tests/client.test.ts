/** The client: connections, cursors, credentials and the outbox, against a server without a network. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Credential, subjectOf } from "../src/credential.ts";
import {
  Client,
  type ClientOptions,
  type JournalEvent,
  type OpenLink,
  ThreadcastError,
} from "../src/index.ts";
import { event, FakeServer, settled, THREAD, tokenFor, USER } from "./fake_server.ts";
import { storage } from "./tabs.ts";

let server: FakeServer;
let client: Client;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  mock.method(Math, "random", () => 1);
  server = new FakeServer();
});

afterEach(() => {
  client.close();
  mock.timers.reset();
  mock.restoreAll();
});

async function started(options: Partial<ClientOptions> = {}): Promise<Client> {
  const token = () => tokenFor(USER);
  const transport = [server.open];
  client = new Client({ url: "http://test/", token, transport, ...options });
  client.start();
  await settled();
  return client;
}

async function pass(ms: number): Promise<void> {
  await settled();
  for (let left = ms; left > 0; left -= 250) {
    mock.timers.tick(Math.min(left, 250));
    await settled();
  }
}

const phase = () => client.status.phase;
const attaches = () =>
  server.links.map(({ commands }) => commands.find((one) => one.command === "attach"));

// --- connecting ----------------------------------------------------------------------------------

test("it attaches at the head and is live", async () => {
  server.append("agent_delta", { text: "before" });
  await started();
  assert.deepEqual(client.status, { phase: "live", transport: "websocket" });
  assert.deepEqual([client.user, client.cursor.after], [USER, 1]);
});

test("what happened while it was away is told once, in order", async () => {
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

test("waits grow, have an end, and begin anew once a connection was steady", async () => {
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

test("it waits as long as the server asks, and says why", async () => {
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

test("it stops where another attempt would do no better", async () => {
  await started();
  const closing = { error: "evicted", reason: "evicted", reconnect: false };
  server.link.say("connection_closing", { code: 4429, ...closing });
  server.link.drop(4429);
  await pass(60_000);
  assert.deepEqual(client.status, { phase: "stopped", code: "evicted", reason: "evicted" });
  assert.equal(server.links.length, 1);
});

test("a silent connection is asked for a sign of life, and given up without one", async () => {
  await started();
  await pass(26_000);
  assert.ok(server.link.commands.some(({ command }) => command === "ping"));
  await pass(30_000);
  assert.equal(server.links.length, 1);
  server.ignores.add("ping");
  await pass(38_000);
  assert.equal(server.links.length, 2);
});

test("a handshake that does not end is given up", async () => {
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
    client.handleEvent({ type: "online" } as StorageEvent);
    await settled();
  }
  assert.equal(server.links.length, 6);
  assert.equal(phase(), "live");
});

test("without a network it says that it is offline", async () => {
  await started();
  Object.defineProperty(navigator, "onLine", { value: false, configurable: true });
  client.handleEvent({ type: "offline" } as StorageEvent);
  server.ignores.add("ping");
  await pass(250);
  assert.equal(phase(), "live", "the server may be on this machine");
  client.handleEvent({ type: "offline" } as StorageEvent);
  await pass(3_000);
  assert.equal(phase(), "offline");
  Reflect.deleteProperty(navigator, "onLine");
});

test("where one way is not open the next is tried at once, and is the first from then on", async () => {
  const tried: string[] = [];
  await started({
    transport: [
      (_base, _token, listener) => {
        tried.push("blocked");
        queueMicrotask(() => listener.onClose(0));
        return { kind: "websocket", send() {}, close() {} };
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

/** A way that is refused by this close code, and notes that it was tried. */
const refused =
  (name: string, code: number, tried: string[]): OpenLink =>
  (_base, _token, listener) => {
    tried.push(name);
    queueMicrotask(() => listener.onClose(code));
    return { kind: "websocket", send() {}, close() {} };
  };

test("a better way is tried again after a while, at the next connection", async () => {
  const tried: string[] = [];
  await started({ transport: [refused("better", 0, tried), server.open] });
  server.link.drop();
  await pass(1_000);
  assert.deepEqual(tried, ["better"]);
  await pass(300_000);
  assert.deepEqual(tried, ["better"]);
  server.link.drop();
  await pass(1_000);
  assert.deepEqual([tried, phase()], [["better", "better"], "live"]);
});

test("where the server refuses every way for a while, the best is the first to be tried again", async () => {
  const tried: string[] = [];
  let isDown = true;
  const better: OpenLink = (...link) =>
    isDown ? refused("better", 0, tried)(...link) : server.open(...link);
  await started({ transport: [better, refused("other", 1006, tried)] });
  assert.deepEqual([tried, phase()], [["better", "other"], "waiting"]);
  isDown = false;
  await pass(1_000);
  assert.deepEqual([tried, phase()], [["better", "other"], "live"]);
});

test("a way that swallows everything is left, too", async () => {
  const swallowing = () => ({ kind: "websocket", send() {}, close() {} }) as const;
  await started({ transport: [swallowing, server.open] });
  await pass(12_000);
  assert.equal(phase(), "live");
});

// --- cursors -------------------------------------------------------------------------------------

test("a reset is told, and events go on from where it says", async () => {
  await started();
  const told: unknown[] = [];
  client.on("attached", ({ data }) => told.push(data.reason));
  client.on("agent_delta", ({ seq }) => told.push(seq));
  server.append("agent_delta", { text: "a" });
  await pass(100);
  server.feed = "feed_2_1_00000000";
  server.journal = [event(1, "agent_delta", { text: "other" })];
  server.link.drop();
  await pass(1_000);
  server.append("agent_delta", { text: "b" });
  await pass(100);
  assert.deepEqual(told, [1, "new_feed", 2]);
  assert.deepEqual(client.cursor, { feed: server.feed, after: 2, at: 3.5 });
});

test("with a storage, it goes on where an earlier page has ended", async () => {
  const kept = storage();
  await started({ storage: kept, resume: true });
  server.append("agent_delta", { text: "a" });
  await pass(100);
  client.close();
  server.append("agent_delta", { text: "b" });
  const seen: number[] = [];
  const token = () => tokenFor(USER);
  client = new Client({
    url: "http://test",
    token,
    transport: [server.open],
    storage: kept,
    resume: true,
  });
  client.on("agent_delta", ({ seq }) => seen.push(seq));
  client.start();
  await pass(100);
  assert.deepEqual(seen, [2]);
});

/** Read what is there, as a program that resumes would: with an iterator that is left in the middle. */
async function readSome(kept: Storage, count: number): Promise<number[]> {
  await started({ storage: kept, resume: true });
  const seen: number[] = [];
  const events = client.events();
  while (server.head < 50) server.append("agent_delta", { text: "x" });
  await pass(1_000);
  while (seen.length < count) {
    const { value } = await events.next();
    seen.push((value as JournalEvent).seq);
    await pass(20);
  }
  return seen;
}

test("what an iterator has not given is not skipped by the next page", async () => {
  const kept = storage();
  await readSome(kept, 4);
  client.close();
  await pass(1_000);
  assert.equal(Object.keys(kept).length, 1);
  const [item = ""] = Object.values(kept) as string[];
  assert.ok(JSON.parse(item).after <= 4, item);
});

test("the cursor is stored after an event was handled, not before", async () => {
  const kept = storage();
  await started({ storage: kept, resume: true });
  let stored: string | undefined;
  client.on("agent_delta", () => {
    stored = Object.values(kept)[0] as string;
  });
  server.append("agent_delta", { text: "x" });
  await pass(100);
  assert.equal(JSON.parse(stored ?? "{}").after, 0, "not before it was handled");
  assert.equal(JSON.parse(Object.values(kept)[0] as string).after, 1);
});

test("a merged event of which a part was told is asked for again", async () => {
  await started();
  const seen: string[] = [];
  client.on("agent_delta", ({ data }) => seen.push(data.text));
  server.append("agent_delta", { text: "a" });
  await pass(100);
  const merged = event(2, "agent_delta", { text: "ab" }, { first_seq: 1 });
  server.journal.push(event(2, "agent_delta", { text: "b" }));
  server.link.text(JSON.stringify(merged));
  await pass(1_000);
  assert.deepEqual(seen, ["a", "b"]);
  assert.equal(server.links.length, 2);
});

test("events of another user are not told", async () => {
  await started();
  let told = 0;
  client.on("*", () => {
    told += 1;
  });
  server.link.text(JSON.stringify({ ...event(1, "agent_delta", { text: "x" }), user_id: "other" }));
  await pass(100);
  assert.equal(told, 0);
});

test("the iterator gives every event, and ends when the client is closed", async () => {
  await started();
  const events = client.events();
  for (let count = 0; count < 3; count += 1) server.append("agent_delta", { text: "x" });
  await pass(100);
  server.append("agent_delta", { text: "x" });
  await pass(100);
  client.close();
  const seen = [];
  for await (const one of events) seen.push((one as JournalEvent).seq);
  assert.deepEqual(seen, [1, 2, 3, 4]);
});

test("a reader that is too slow is told so", async () => {
  await started();
  const events = client.events();
  for (let count = 0; count < 10_001; count += 1) server.append("agent_delta", { text: "x" });
  await pass(100);
  let seen = 0;
  await assert.rejects(
    async () => {
      for await (const _ of events) seen += 1;
    },
    { code: "slow_reader" },
  );
  assert.equal(seen, 10_000);
});

test("an iterator that is ended holds nothing more, begun or not, and does not keep who waits", async () => {
  await started();
  const unbegun = client.events();
  await unbegun.return?.();
  const waiting = client.events();
  const next = waiting.next();
  await settled();
  await waiting.return?.();
  assert.equal((await next).done, true);
  const read = client.events();
  for (let count = 0; count < 3; count += 1) server.append("agent_delta", { text: "x" });
  await pass(100);
  for await (const _ of read) break;
  assert.deepEqual(
    await Promise.all([unbegun.next(), waiting.next(), read.next()]),
    Array(3).fill({ done: true, value: undefined }),
  );
  // An ended one whose buffer still filled would be `slow_reader` here.
  const ended = client.events();
  await ended.return?.();
  for (let count = 0; count < 10_001; count += 1) server.append("agent_delta", { text: "x" });
  await pass(100);
  assert.equal((await ended.next()).done, true);
});

test("a mistake of one listener harms no other", async () => {
  await started();
  const mistakes: unknown[] = [];
  const { queueMicrotask } = globalThis;
  mock.method(globalThis, "queueMicrotask", (act: () => void) => {
    queueMicrotask(() => {
      try {
        act();
      } catch (mistake) {
        mistakes.push(mistake);
      }
    });
  });
  let seen = 0;
  client.on("agent_delta", () => {
    throw new Error("mine");
  });
  client.on("agent_delta", () => {
    seen += 1;
  });
  server.append("agent_delta", { text: "x" });
  await pass(100);
  assert.equal(seen, 1);
  assert.equal(mistakes.length, 1);
});

// --- credentials ---------------------------------------------------------------------------------

test("a credential is renewed before it ends, over the same connection", async () => {
  server.expiresAt = server.now + 100;
  const asked: boolean[] = [];
  await started({
    token: ({ renew }) => {
      asked.push(renew);
      return tokenFor(USER);
    },
  });
  await pass(74_000);
  assert.deepEqual(asked, [false]);
  await pass(3_000);
  assert.deepEqual(asked, [false, true]);
  const renewal = server.link.commands.find(({ command }) => command === "authenticate");
  assert.notEqual((renewal as { token: string }).token, server.link.token);
  assert.equal(server.links.length, 1);
});

test("a refused token is not used again: another one is asked for, once", async () => {
  let answers = 0;
  await started({
    token: () => {
      answers += 1;
      return tokenFor(USER);
    },
  });
  const refuse = async () => {
    const closing = { error: "token_expired", reason: "too old", reconnect: true };
    server.link.say("connection_closing", { code: 4401, ...closing });
    server.link.drop(4401);
    await settled();
  };
  server.greets = false;
  await refuse();
  assert.equal(answers, 2);
  assert.notEqual(server.links[1]?.token, server.links[0]?.token);
  await refuse();
  assert.deepEqual(client.status, {
    phase: "signed_out",
    code: "token_expired",
    reason: "too old",
  });
  await pass(60_000);
  assert.equal(server.links.length, 2);
});

test("a token that is refused while another call is under way is not given again", async () => {
  const asked: boolean[] = [];
  const gates: ((token: string) => void)[] = [];
  const credential = new Credential(
    ({ renew }) => {
      asked.push(renew);
      return new Promise((resolve) => gates.push(resolve));
    },
    () => {},
  );
  const plain = credential.get();
  const renewed = [credential.get("old"), credential.get("old")];
  gates[0]?.("old");
  assert.equal(await plain, "old");
  await settled();
  gates[1]?.("new");
  assert.deepEqual(await Promise.all(renewed), ["new", "new"]);
  assert.deepEqual(asked, [false, true]);
});

test("who was signed out everywhere stays so, whatever tokens there are", async () => {
  await started();
  const closing = { error: "revoked", reason: "signed out", reconnect: false };
  server.link.say("connection_closing", { code: 4401, ...closing });
  server.link.drop(4401);
  await pass(60_000);
  assert.deepEqual(client.status, { phase: "signed_out", code: "revoked", reason: "signed out" });
  assert.equal(server.links.length, 1);
});

test("a token callback that has only the refused one means that nobody is signed in", async () => {
  const token = tokenFor(USER);
  await started({ token: () => token });
  server.link.drop(4401);
  await settled();
  assert.equal(phase(), "signed_out");
});

test("a token callback that fails is asked again later", async () => {
  let isDown = true;
  await started({
    token: async () => {
      if (isDown) throw new Error("the token service is away");
      return tokenFor(USER);
    },
  });
  assert.equal(phase(), "waiting");
  assert.match((client.status as { reason: string }).reason, /away/);
  isDown = false;
  await pass(1_000);
  assert.equal(phase(), "live");
});

test("a client stays with its user", async () => {
  await started();
  server.greets = false;
  server.link.drop();
  await pass(1_000);
  const ready = { connection_id: "w", feed: "f", head: 0, expires_at: null };
  const envelope = { event_type: "connection_ready", timestamp: 1, user_id: "other", data: ready };
  server.link.text(JSON.stringify(envelope));
  await settled();
  assert.equal((client.status as { code: string }).code, "identity_change");
  assert.equal(client.user, null);
});

test("with a token of another user nothing is asked for", async () => {
  let user = USER;
  const asked: string[] = [];
  mock.method(globalThis, "fetch", async (_address: URL, { headers }: RequestInit) => {
    asked.push(`${subjectOf((headers as Record<string, string>).Authorization ?? "")}`);
    const problem = { status: 401, code: "token_expired", detail: "too old" };
    return Response.json(problem, { status: 401 });
  });
  await started({ token: () => tokenFor(user) });
  user = "u-2";
  await assert.rejects(client.createThread({ title: "secret" }), { code: "identity_change" });
  assert.deepEqual(asked, [USER]);
  assert.equal((client.status as { code: string }).code, "identity_change");
  assert.equal(server.link.isClosed, true);
});

test("nor is a connection made with it", async () => {
  let user = USER;
  await started({ token: () => tokenFor(user) });
  user = "u-2";
  server.link.drop();
  await pass(30_000);
  const { phase: now, code } = client.status as never;
  assert.deepEqual([now, code, server.links.length], ["stopped", "identity_change", 1]);
});

// --- the outbox ----------------------------------------------------------------------------------

test("a message that is sent without a connection arrives once there is one", async () => {
  client = new Client({
    url: "http://test",
    token: () => tokenFor(USER),
    transport: [server.open],
  });
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
  const stored = server.journal.filter(({ event_type }) => event_type === "message_created");
  assert.equal(stored.length, 2);
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
  client = new Client({ url: "http://test", token: () => tokenFor(USER) });
  for (let count = 0; count < 100; count += 1) client.send("x");
  await assert.rejects(client.send("x"), ThreadcastError);
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
  const token = () => tokenFor(USER);
  server.greets = false;
  client = new Client({ url: "http://test", token, transport: [server.open], storage: kept });
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
  server.greets = false;
  server.link.drop();
  await pass(1_000);
  const ready = { connection_id: "w", feed: "f", head: 0, expires_at: null };
  const envelope = { event_type: "connection_ready", timestamp: 1, user_id: "other", data: ready };
  server.link.text(JSON.stringify(envelope));
  await settled();
  assert.deepEqual([client.outbox, Object.keys(kept).length], [[], 1]);
  await assert.rejects(sent, { code: "identity_change" });
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
