/** What waits to be sent: over reloads, in several tabs, and in the order in which it was said. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Client, type Transport } from "../src/index.ts";
import { FakeServer, pass, setBack, settled, THREAD, tokenFor, USER } from "./fake_server.ts";
import { Tabs } from "./tabs.ts";

let server: FakeServer;
let tabs: Tabs;
const clients: Client[] = [];

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  mock.method(Math, "random", () => 1);
  server = new FakeServer();
  tabs = new Tabs();
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  mock.timers.reset();
  mock.restoreAll();
});

/** A tab with its client; `transport` is how it reaches the server. */
async function tab(transport: Transport = server.open): Promise<Client> {
  const token = () => tokenFor(USER);
  const client = tabs.open(
    (storage) => new Client({ url: "http://test/", token, transports: [transport], storage }),
  );
  clients.push(client);
  client.start();
  await pass(100);
  return client;
}

/** A transport that is open until it is cut; while it is cut, nothing comes of an attempt. */
function cable(open = server.open): { transport: Transport; cut(): void; mend(): void } {
  let isCut = false;
  return {
    transport: (base, token, listener) => {
      if (!isCut) return open(base, token, listener);
      queueMicrotask(() => listener.onClose(1006));
      return { transport: "websocket", send() {}, close() {} };
    },
    cut() {
      isCut = true;
      server.link.drop();
    },
    mend() {
      isCut = false;
    },
  };
}

/** A transport over which the events of messages do not come before their responses. */
const farBehind: Transport = (base, token, listener) =>
  server.open(base, token, {
    ...listener,
    onText: (text) => text.includes("message_created") || listener.onText(text),
  });

/** Pages that were ended in the middle of something. Their items come in no order. */
async function crash(...ended: Client[]): Promise<void> {
  for (const client of ended) tabs.crash(client);
  const { items } = tabs;
  const left = Object.entries(items);
  for (const client of ended) client.close();
  await settled();
  for (const name of Object.keys(items)) items.removeItem(name);
  for (const [name, item] of left.reverse()) items.setItem(name, item);
}

const stored = () => server.journal.filter(({ event_type }) => event_type === "message_created");
const contents = () => stored().map(({ data }) => (data as { content: string }).content);
const sends = () =>
  server.links.flatMap(({ commands }) => commands.filter((one) => one.command === "send_message"));
const entries = (client: Client) => client.outbox.map(({ content, status }) => [content, status]);

test("what was being sent when the page ended is sent by the next one", async () => {
  const first = await tab();
  server.ignores.add("send_message");
  first.send("important");
  await pass(100);
  assert.deepEqual(entries(first), [["important", "sending"]]);
  await crash(first);
  server.ignores.clear();
  const next = await tab();
  await pass(100);
  assert.deepEqual([contents(), entries(next), Object.keys(tabs.items)], [["important"], [], []]);
});

test("an answer that was stored before the page ended is not shown as refused", async () => {
  const first = await tab();
  server.ignores.add("respond");
  first.respond("run_1", "input_1", 42);
  await pass(100);
  await crash(first);
  server.ignores.clear();
  server.refusals.set("respond", { code: "already_answered", message: "answered" });
  const next = await tab();
  await pass(100);
  assert.deepEqual(entries(next), []);
});

test("a corrupt item is removed without harm", async () => {
  const first = await tab();
  server.ignores.add("send_message");
  first.send("one");
  await pass(100);
  await crash(first);
  server.ignores.clear();
  const [name = ""] = Object.keys(tabs.items);
  const prefix = name.slice(0, name.indexOf("web_"));
  const bad = { a: "{oops", b: "null", c: "[]", d: JSON.stringify({ key: "other" }) };
  const good = tabs.items.getItem(name) ?? "";
  tabs.items.removeItem(name);
  for (const [key, item] of Object.entries(bad)) tabs.items.setItem(prefix + key, item);
  tabs.items.setItem(name, good);
  const links = server.links.length;
  await tab();
  await pass(1_000);
  assert.deepEqual([contents(), Object.keys(tabs.items)], [["one"], []]);
  assert.equal(server.links.length - links, 1);
});

test("another tab leaves a message to the one that asked for it, and takes over in the end", async () => {
  const first = await tab();
  const other = await tab();
  server.ignores.add("send_message");
  first.send("Hello");
  await pass(1_000);
  assert.equal(sends().length, 1);
  assert.equal(other.outbox.length, 1);
  tabs.crash(first);
  first.close();
  server.ignores.clear();
  await pass(11_000);
  assert.deepEqual([contents(), entries(other)], [["Hello"], []]);
});

test("a tab without a connection learns what became of the message that another one sent", async () => {
  const { transport, cut, mend } = cable();
  const away = await tab(transport);
  cut();
  const other = await tab();
  const first = away.send("first", { draft: "d" });
  const second = away.send("second", { draft: "d" });
  await pass(11_000);
  assert.deepEqual([contents(), entries(other)], [["first", "second"], []]);
  mend();
  await pass(16_000);
  const [one, two] = await Promise.all([first, second]);
  assert.equal(one.thread_id, two.thread_id);
  assert.equal(away.threadOf("d"), one.thread_id);
  assert.deepEqual([entries(away), contents()], [[], ["first", "second"]]);
  await pass(11_000);
  assert.deepEqual([entries(other), Object.keys(tabs.items)], [[], []]);
});

test("a message that another tab has sent is sent again as it was", async () => {
  const { transport, cut, mend } = cable(farBehind);
  const away = await tab(transport);
  cut();
  const other = await tab();
  const sent = [away.send("one", { draft: "d" }), away.send("two", { draft: "d" })];
  await pass(11_000);
  assert.deepEqual([contents(), entries(other)], [["one", "two"], []]);
  mend();
  await pass(16_000);
  const threads = (await Promise.all(sent)).map(({ thread_id }) => thread_id);
  assert.deepEqual(threads, [away.threadOf("d"), away.threadOf("d")]);
  assert.deepEqual([contents(), Object.keys(tabs.items)], [["one", "two"], []]);
});

test("a message that another tab has sent does not come back when its own tab ends", async () => {
  const { transport, cut } = cable();
  const away = await tab(transport);
  cut();
  await tab();
  tabs.lateMs = 100;
  away.send("one");
  await pass(11_000);
  await crash(away);
  const next = await tab();
  await pass(1_000);
  assert.deepEqual([contents(), entries(next), Object.keys(tabs.items)], [["one"], [], []]);
});

test("of a draft that has become a thread, its messages are shown there, also without a connection", async () => {
  const { transport, cut } = cable();
  const away = await tab(transport);
  cut();
  await tab();
  away.send("one", { draft: "d" });
  await pass(11_000);
  const thread = away.threadOf("d");
  assert.notEqual(thread, null);
  assert.deepEqual([away.outbox.map((one) => one.thread), contents()], [[thread], ["one"]]);
});

test("a refused message of a draft goes to the thread that the next one has made", async () => {
  const client = await tab();
  server.refusals.set("send_message", { code: "too_long", message: "too long" });
  client.send("one", { draft: "d" });
  client.send("two", { draft: "d" });
  await pass(100);
  assert.deepEqual([contents(), entries(client)], [["two"], [["one", "refused"]]]);
  client.retry(client.outbox[0]?.key ?? "");
  await pass(100);
  assert.deepEqual(contents(), ["two", "one"]);
  assert.equal(new Set(stored().map(({ thread_id }) => thread_id)).size, 1);
});

test("messages of one millisecond keep their order over a reload", async () => {
  const first = await tab();
  server.ignores.add("send_message");
  const said = ["one", "two", "three", "four"];
  for (const content of said) first.send(content, { threadId: THREAD });
  await crash(first);
  server.ignores.clear();
  await tab();
  await pass(1_000);
  assert.deepEqual(contents(), said);
});

test("so do those before and after the clock is set back, in whichever tab", async () => {
  const first = await tab();
  const other = await tab();
  server.ignores.add("send_message");
  first.send("one", { threadId: THREAD });
  await settled();
  setBack(60_000);
  other.send("two", { threadId: THREAD });
  await crash(first, other);
  server.ignores.clear();
  await tab();
  await pass(1_000);
  assert.deepEqual(contents(), ["one", "two"]);
});

test("two tabs that have passed the outbox's limit together take no more", async () => {
  const some = await tab();
  const others = await tab();
  server.ignores.add("send_message");
  for (const client of [some, others]) {
    for (let count = 0; count < 60; count += 1) client.send("x");
  }
  await settled();
  some.send("x");
  assert.equal(some.outbox.length, 120);
});

test("an entry discarded in one tab is not sent by another", async () => {
  const { transport, cut, mend } = cable();
  const away = await tab(transport);
  const other = await tab();
  server.ignores.add("send_message");
  cut();
  const sent = away.send("never mind");
  await pass(100);
  other.discard(other.outbox[0]?.key ?? "");
  await assert.rejects(sent, { code: "discarded" });
  server.ignores.clear();
  mend();
  await pass(16_000);
  assert.deepEqual([contents(), entries(away), entries(other)], [[], [], []]);
});

test("messages of a draft stay together, whichever tab sends them after a reload", async () => {
  const first = await tab();
  server.ignores.add("send_message");
  first.send("one", { draft: "d" });
  first.send("two", { draft: "d" });
  await pass(100);
  await crash(first);
  const { transport, cut, mend } = cable();
  const away = await tab(transport);
  cut();
  server.ignores.clear();
  await tab();
  await pass(100);
  mend();
  await pass(16_000);
  assert.deepEqual(contents(), ["one", "two"]);
  assert.equal(new Set(stored().map(({ thread_id }) => thread_id)).size, 1);
  assert.deepEqual(entries(away), []);
});

test("messages of one thread are sent one after the other, also when one has to wait", async () => {
  const client = await tab();
  const busy = { code: "rate_limited", message: "slowly", retryable: true, retry_after_ms: 1_000 };
  server.refusals.set("send_message", busy);
  for (const content of ["one", "two", "three"]) client.send(content, { threadId: THREAD });
  client.send("elsewhere");
  await pass(100);
  assert.deepEqual(contents(), ["elsewhere"]);
  await pass(2_000);
  assert.deepEqual(contents(), ["elsewhere", "one", "two", "three"]);
});

test("a message that is refused for good does not block others", async () => {
  const client = await tab();
  server.refusals.set("send_message", { code: "too_long", message: "too long" });
  client.send("one", { threadId: THREAD });
  client.send("two", { threadId: THREAD });
  await pass(100);
  assert.deepEqual([contents(), entries(client)], [["two"], [["one", "refused"]]]);
});
