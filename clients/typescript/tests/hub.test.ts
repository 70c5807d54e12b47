/** The hub: pages share one connection, each with its own cursor, and never with another user. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Client, type Cursor } from "../src/index.ts";
import { Hub, type Page } from "../src/shared/hub.ts";
import type { Link, Transport } from "../src/transport/transport.ts";
import {
  event,
  FakeServer,
  pass,
  setBack,
  settled,
  THREAD,
  tokenFor,
  USER,
} from "./fake_server.ts";
import { keptName, storage } from "./tabs.ts";

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

/** The transport of a page to the hub, as the ports of a worker are. */
const throughHub: Transport = (base, token, listener) => {
  let isOpen = true;
  const later = (act: () => void) =>
    queueMicrotask(() => {
      if (isOpen) act();
    });
  const page: Page = {
    say: (text) => later(() => listener.onText(text)),
    end: (code) => later(() => listener.onClose(code)),
    transport() {},
  };
  hub.join(page, base, token);
  return {
    transport: "websocket",
    send: (command) => hub.ask(page, command),
    close() {
      isOpen = false;
      hub.leave(page);
    },
  };
};

interface Opened {
  client: Client;
  seen: number[];
  /** Why the client was told to read anew. */
  resets: unknown[];
}

async function page(user = USER, cursor?: number | Partial<Cursor>): Promise<Opened> {
  const token = () => tokenFor(user);
  const given = typeof cursor === "number" ? { after: cursor } : cursor;
  const kept = storage();
  if (given) kept.setItem(keptName(user), JSON.stringify({ feed: server.feed, ...given }));
  const client = new Client({
    url: "http://test/",
    token,
    transports: [throughHub],
    storage: kept,
    resume: true,
  });
  const seen: number[] = [];
  const resets: unknown[] = [];
  client.on("agent_delta", ({ seq }) => seen.push(seq));
  client.on("attached", ({ data }) => resets.push(data.reason));
  clients.push(client);
  client.start();
  await pass(100);
  return { client, seen, resets };
}

/** A client whose reading before the events takes until it is let go. */
class SlowBegin extends Client {
  readonly gates: (() => void)[] = [];

  protected override async begin(): Promise<number | null> {
    await new Promise<void>((resolve) => this.gates.push(resolve));
    return null;
  }
}

const say = (count: number) => {
  for (let one = 0; one < count; one += 1) server.append("agent_delta", { text: "x" });
};

test("two pages share one connection, and both get every event", async () => {
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

test("a page with an older cursor catches up from the kept events", async () => {
  await page();
  say(5);
  await pass(100);
  const late = await page(USER, 2);
  assert.deepEqual(late.seen, [3, 4, 5]);
});

test("a page with too old a cursor is reset", async () => {
  say(5);
  await page();
  const late = await page(USER, 2);
  say(1);
  await pass(100);
  assert.deepEqual([late.resets, late.client.cursor.after], [["trimmed"], 6]);
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

test("a lost connection is reopened once, and no page misses anything", async () => {
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

test("a reset reaches every page", async () => {
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

test("a page with another user's token is refused", async () => {
  const one = await page();
  const foreign = await page("u-2");
  say(1);
  await pass(100);
  assert.deepEqual([one.seen, foreign.seen], [[1], []]);
  assert.equal(foreign.client.status.phase, "stopped");
  assert.equal(one.client.status.phase, "live");
});

test("so is one that joined while the connection was opening", async () => {
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

test("the connection closes with the last page", async () => {
  const one = await page();
  const other = await page();
  one.client.close();
  assert.equal(server.link.isClosed, false);
  other.client.close();
  assert.equal(server.link.isClosed, true);
});

test("a dead connection is given up for all pages, and reopened once", async () => {
  const one = await page();
  await page();
  server.ignores.add("ping");
  await pass(40_000);
  assert.equal(server.links.length, 2);
  assert.equal(one.client.status.phase, "live");
});

test("a dead connection is given up even if the clock was set back", async () => {
  const { client } = await page();
  client.send("Hello", { threadId: THREAD }).catch(() => {});
  await pass(1_000);
  setBack(3_600_000);
  server.ignores.add("ping");
  client.handleEvent(new Event("online"));
  await pass(3_250);
  assert.equal(server.link.isClosed, true);
});

// --- cursors that the hub cannot judge by what it keeps ------------------------------------------

test("a connection is not given up while a long message is being sent", async () => {
  const { client } = await page();
  server.ignores.add("send_message").add("ping");
  client.send("x".repeat(64_000), { threadId: THREAD }).catch(() => {});
  client.handleEvent(new Event("online"));
  await pass(10_000);
  assert.equal(server.links.length, 1);
  await pass(3_000);
  assert.equal(server.links.length, 2);
});

test("a page with a cursor inside a merged event is reset, once", async () => {
  await page(USER, 0);
  const merged = event(200, "agent_delta", { text: "x".repeat(200) }, { first_seq: 1 });
  server.journal.push(merged);
  server.link.text(JSON.stringify(merged));
  await pass(100);
  const late = await page(USER, 150);
  await pass(60_000);
  say(1);
  await pass(100);
  assert.deepEqual([late.resets, late.seen], [["trimmed"], [201]]);
  assert.equal(late.client.status.phase, "live");
});

test("after a lost connection, such a cursor is the one that the server continues", async () => {
  const one = await page(USER, 0);
  const merged = event(9, "agent_delta", { text: "x".repeat(9) }, { first_seq: 1 });
  server.journal.push(merged);
  server.link.text(JSON.stringify(merged));
  await pass(100);
  one.client.close();
  server.journal = Array.from({ length: 9 }, (_, at) =>
    event(at + 1, "agent_delta", { text: "x" }),
  );
  const late = await page(USER, 5);
  assert.deepEqual([late.resets, late.seen], [[], [6, 7, 8, 9]]);
});

test("a page ahead of the journal is reset, and misses nothing", async () => {
  say(9);
  const one = await page(USER, 0);
  const ahead = await page(USER, { after: 20, at: 7 });
  assert.deepEqual([ahead.resets, ahead.client.cursor.after], [["cursor_ahead"], 9]);
  say(3);
  await pass(100);
  assert.deepEqual(ahead.seen, [10, 11, 12]);
  assert.deepEqual([one.seen.length, one.resets, server.links.length], [12, [], 1]);
});

test("a page ahead of the hub waits, and is not reset", async () => {
  const one = await page(USER, 0);
  const late = server.link;
  late.isClosed = true; // what is committed now is still on its way to the hub
  say(5);
  late.isClosed = false;
  const ahead = await page(USER, { after: 4, at: 5.5 });
  assert.deepEqual([ahead.resets, ahead.seen, one.seen], [[], [5], [1, 2, 3, 4, 5]]);
  say(1);
  await pass(100);
  assert.deepEqual([ahead.seen, one.seen.at(-1), server.links.length], [[5, 6], 6, 1]);
});

test("so does one that joined while the hub was catching up", async () => {
  say(3);
  server.ignores.add("attach");
  const one = await page(USER, 0);
  const [link] = server.links;
  assert.ok(link);
  say(2); // the hub's answer does not know of these
  const ahead = await page(USER, { after: 5, at: 6.5 });
  server.ignores.delete("attach");
  link.say("attached", { after: 0, head: 3, feed: server.feed, reset: false });
  link.text(
    server.journal
      .slice(0, 3)
      .map((one) => JSON.stringify(one))
      .join("\n"),
  );
  link.say("caught_up", { seq: 3 });
  await pass(100);
  say(1);
  await pass(100);
  assert.deepEqual([ahead.resets, ahead.seen], [[], [6]]);
  assert.deepEqual(one.seen, [1, 2, 3, 4, 5, 6]);
});

test("a page whose last event differs from the kept one is reset", async () => {
  await page();
  say(5);
  await pass(100);
  const same = await page(USER, { after: 3, at: 4.5 });
  const other = await page(USER, { after: 3, at: 4.25 });
  assert.deepEqual([same.resets, other.resets], [[], ["diverged"]]);
});

test("a page of another feed is reset, even if the journal is empty", async () => {
  await page();
  const other = await page(USER, { after: 7, feed: "feed_9_9_00000000" });
  assert.deepEqual(other.resets, ["new_feed"]);
});

test("a page without a cursor does not make the hub skip what the others miss", async () => {
  const one = await page();
  say(2);
  await pass(100);
  server.link.drop();
  say(2);
  const fresh = await page();
  await pass(2_000);
  assert.deepEqual(one.seen, [1, 2, 3, 4]);
  assert.equal(fresh.client.status.phase, "live");
});

// --- attaches and signs of life ------------------------------------------------------------------

/** A page that says what it is told, without a client. */
function barePage(): { page: Page; told: string[]; ended: number[] } {
  const told: string[] = [];
  const ended: number[] = [];
  const page: Page = {
    say: (text) => told.push(...(text ? text.split("\n").map(labelOf) : ["sign of life"])),
    end: (code) => ended.push(code),
    transport() {},
  };
  hub.join(page, new URL("http://test/"), tokenFor(USER));
  return { page, told, ended };
}

function labelOf(line: string): string {
  const { event_type, data } = JSON.parse(line);
  return event_type.startsWith("command") ? `${event_type} ${data.id}` : event_type;
}

test("a page that attaches twice gets what the later attach asked for", async () => {
  server.ignores.add("attach");
  const { page: bare, told } = barePage();
  await pass(100);
  hub.ask(bare, { command: "attach", id: "c1" });
  hub.ask(bare, { command: "attach", id: "c2" });
  server.attach(server.link, { command: "attach", id: "attach" });
  say(1);
  assert.deepEqual(told.slice(1), ["command_accepted c2", "attached", "caught_up", "agent_delta"]);
});

test("a client that attached twice hears what comes after the later answer", async () => {
  const slow = new SlowBegin({
    url: "http://test/",
    token: () => tokenFor(USER),
    transports: [throughHub],
  });
  clients.push(slow);
  slow.start();
  await pass(100);
  server.link.drop();
  await pass(2_000);
  assert.equal(slow.gates.length, 2);
  server.ignores.add("attach");
  for (const open of slow.gates) {
    open();
    await settled();
  }
  const attaches = server.link.commands.filter(({ command }) => command === "attach");
  assert.equal(attaches.length, 1);
  server.attach(server.link, { command: "attach", id: "attach" });
  const seen: number[] = [];
  slow.on("agent_delta", ({ seq }) => seen.push(seq));
  say(2);
  await pass(100);
  assert.deepEqual([slow.status.phase, seen], ["live", [1, 2]]);
});

test("when the server refuses the hub's attach, the pages try again", async () => {
  server.refusals.set("attach", { code: "store_unavailable", message: "later", retryable: true });
  const one = await page();
  await pass(2_000);
  say(1);
  await pass(100);
  assert.deepEqual([one.client.status.phase, one.seen, server.links.length], ["live", [1], 2]);
});

test("when the server cannot read a page's cursor, that page is reset", async () => {
  say(3);
  const refusal = { code: "bad_cursor", message: "at: expected a number", retryable: false };
  server.refusals.set("attach", refusal);
  const one = await page(USER, { after: 2, at: -1 });
  say(1);
  await pass(100);
  assert.deepEqual([one.client.status.phase, one.resets.length, one.seen], ["live", 1, [4]]);
  assert.equal(server.links.length, 1);
});

test("a heartbeat counts for every page", async () => {
  const { page: bare, told } = barePage();
  await pass(100);
  hub.ask(bare, { command: "attach", id: "c1" });
  await pass(100);
  server.link.text("");
  assert.equal(told.at(-1), "sign of life");
});

// --- tokens --------------------------------------------------------------------------------------

/** The server ends the connection because of its token. */
function endToken(error: string): void {
  const closing = { error, reason: error, reconnect: error !== "revoked" };
  server.link.say("connection_closing", { code: 4401, ...closing });
  server.link.drop(4401);
}

/** A page whose token is all that it has. */
async function pageWithOneToken(): Promise<Client> {
  const only = tokenFor(USER);
  const client = new Client({ url: "http://test/", token: () => only, transports: [throughHub] });
  clients.push(client);
  client.start();
  await pass(100);
  return client;
}

test("one page's expired token does not sign out a page with a valid one", async () => {
  const first = await pageWithOneToken();
  const other = await pageWithOneToken();
  endToken("token_expired");
  await pass(2_000);
  assert.deepEqual([first.status.phase, other.status.phase], ["signed_out", "live"]);
  assert.equal(server.links.length, 2);
});

test('"sign out everywhere" signs out every page', async () => {
  const pages = [await pageWithOneToken(), await pageWithOneToken()];
  endToken("revoked");
  await pass(2_000);
  assert.deepEqual(
    pages.map(({ status }) => status.phase),
    ["signed_out", "signed_out"],
  );
});

test("a stream's token is renewed for all pages by whoever does it first, and no event is missed", async () => {
  /** With another token, another stream goes on behind what was read. */
  const asStream: Transport = (...link) => {
    const open = server.open(...link);
    const send: Link["send"] = (command) => {
      open.send(command);
      if (command.command !== "authenticate") return;
      server.greet(server.link);
      server.attach(server.link, { command: "attach", id: "", after: 0, feed: server.feed });
    };
    return { transport: "sse", send, close: () => open.close() };
  };
  hub = new Hub([asStream]);
  server.expiresAt = server.now + 100;
  const [one, other] = [await page(), await page()];
  await pass(76_000);
  server.link.isClosed = true; // what is committed now is not told over the stream of before
  say(2);
  server.link.isClosed = false;
  hub.ask(...renewal());
  await pass(100);
  assert.deepEqual(
    [one.seen, other.seen],
    [
      [1, 2],
      [1, 2],
    ],
  );
  assert.deepEqual([one.client.status.phase, server.links.length], ["live", 1]);
});

/** What a page asks for before its token ends. */
function renewal(): Parameters<Hub["ask"]> {
  const { page } = barePage();
  return [page, { command: "authenticate", id: "r1", token: tokenFor(USER) }];
}
