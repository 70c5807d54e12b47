/** The hub: pages share one connection, each with its own cursor, and never with another user. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Hub, type Page } from "../src/hub.ts";
import { Client } from "../src/index.ts";
import type { OpenLink } from "../src/link.ts";
import { FakeServer, settled, tokenFor, USER } from "./fake_server.ts";

let server: FakeServer;
let hub: Hub;
const clients: Client[] = [];

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  server = new FakeServer();
  hub = new Hub([server.open]);
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  mock.timers.reset();
});

/** The way of a page to the hub, as the ports of a worker are. */
const throughHub: OpenLink = (base, token, listener) => {
  let isOpen = true;
  const later = (act: () => void) =>
    queueMicrotask(() => {
      if (isOpen) act();
    });
  const page: Page = {
    say: (text) => later(() => listener.onText(text)),
    end: (code) => later(() => listener.onClose(code)),
    kind() {},
  };
  hub.join(page, base, token);
  return {
    kind: "websocket",
    send: (command) => hub.ask(page, command),
    close() {
      isOpen = false;
      hub.leave(page);
    },
  };
};

async function page(user = USER, after?: number): Promise<{ client: Client; seen: number[] }> {
  const token = () => tokenFor(user);
  const client = new Client({ url: "http://test/", token, transport: [throughHub] });
  if (after !== undefined) client.cursor = { feed: server.feed, after };
  const seen: number[] = [];
  client.on("agent_delta", ({ seq }) => seen.push(seq));
  clients.push(client);
  client.start();
  await pass(100);
  return { client, seen };
}

async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 250) {
    await settled();
    mock.timers.tick(Math.min(left, 250));
    await settled();
  }
}

const say = (count: number) => {
  for (let one = 0; one < count; one += 1) server.append("agent_delta", { text: "x" });
};

test("two pages have one connection, and both are given every event", async () => {
  const one = await page();
  say(3);
  const other = await page();
  say(2);
  await pass(100);
  assert.equal(server.links.length, 1);
  assert.deepEqual(one.seen, [1, 2, 3, 4, 5]);
  assert.deepEqual(other.seen, [4, 5]);
  assert.deepEqual([one.client.status.phase, other.client.status.phase], ["live", "live"]);
});

test("a page with an older cursor is given what it misses, where that is kept", async () => {
  await page();
  say(5);
  await pass(100);
  const late = await page(USER, 2);
  assert.deepEqual(late.seen, [3, 4, 5]);
});

test("a page with a cursor that is too old is told to read anew", async () => {
  say(5);
  await page();
  const late = new Client({
    url: "http://test/",
    token: () => tokenFor(USER),
    transport: [throughHub],
  });
  clients.push(late);
  late.cursor = { feed: server.feed, after: 2 };
  const told: unknown[] = [];
  late.on("attached", ({ data }) => told.push(data.reason));
  late.start();
  await pass(100);
  say(1);
  await pass(100);
  assert.deepEqual([told, late.cursor.after], [["trimmed"], 6]);
});

test("commands are answered to the page that asked", async () => {
  const one = await page();
  const other = await page();
  const [first, second] = await Promise.all([
    one.client.send("from one"),
    other.client.send("from the other"),
    pass(200),
  ]);
  assert.notEqual(first.run_id, second.run_id);
  assert.deepEqual([one.client.outbox, other.client.outbox], [[], []]);
});

test("a lost connection is opened once, and nobody misses anything", async () => {
  const one = await page();
  const other = await page();
  say(2);
  await pass(100);
  server.link.drop();
  say(3);
  await pass(2_000);
  assert.equal(server.links.length, 2);
  assert.deepEqual(one.seen, [1, 2, 3, 4, 5]);
  assert.deepEqual(other.seen, [1, 2, 3, 4, 5]);
});

test("a reset is told to every page", async () => {
  const pages = [await page(), await page()];
  const told: unknown[] = [];
  for (const { client } of pages) client.on("attached", ({ data }) => told.push(data.reason));
  server.feed = "feed_2_1_00000000";
  server.link.drop();
  await pass(2_000);
  assert.ok(told.length >= 2);
  say(1);
  await pass(100);
  assert.deepEqual(
    pages.map(({ seen }) => seen),
    [[1], [1]],
  );
});

test("a page whose token is another user's is not let in", async () => {
  const one = await page();
  const foreign = await page("u-2");
  say(1);
  await pass(100);
  assert.deepEqual([one.seen, foreign.seen], [[1], []]);
  assert.equal(foreign.client.status.phase, "stopped");
  assert.equal(one.client.status.phase, "live");
});

test("nor is one that came while the connection was being made", async () => {
  server.greets = false;
  const one = await page();
  const foreign = await page("u-2");
  server.greet(server.link);
  await pass(100);
  say(1);
  await pass(100);
  assert.deepEqual([one.seen, foreign.seen], [[1], []]);
  assert.equal(foreign.client.status.phase, "stopped");
});

test("when the last page has gone, so has the connection", async () => {
  const one = await page();
  const other = await page();
  one.client.close();
  assert.equal(server.link.isClosed, false);
  other.client.close();
  assert.equal(server.link.isClosed, true);
});

test("a connection that does not answer is given up by all, and opened once", async () => {
  const one = await page();
  await page();
  server.ignores.add("ping");
  await pass(40_000);
  assert.equal(server.links.length, 2);
  assert.equal(one.client.status.phase, "live");
});
