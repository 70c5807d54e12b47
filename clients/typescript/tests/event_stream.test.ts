/** The event stream: where WebSockets are blocked, without the signs of life of one. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Client } from "../src/index.ts";
import { eventStream } from "../src/transport/event_stream.ts";
import { event, FakeServer, mockTimeouts, settled, THREAD, tokenFor, USER } from "./fake_server.ts";
import { keptName, storage } from "./tabs.ts";

interface Stream {
  address: URL;
  headers: Headers;
  signal: AbortSignal;
  say(event_type: string, data: object): void;
  text(text: string): void;
}

const realWebSocket = globalThis.WebSocket;
let server: FakeServer;
let client: Client;
let streams: Stream[];
let posts: { path: string; body: unknown }[];
/** Whether posts are not answered, though everything else is. */
let arePostsHung: boolean;
let underWay: number;
let mostAtOnce: number;
/** How often it was asked for a sign of life. */
let signs: number;
/** The status of an answer to that. */
let signStatus: number;
/** Whether streams that are asked for do not begin. */
let isUnanswered: boolean;
/** Whether the next cursor is refused. */
let isRefusing: boolean;
/** Whether requests are not answered. */
let isHung: boolean;
/** What `attached` says; by default the head. */
let attached: object;
/** How often the server says that it gives a sign of life. */
let heartbeatS: number;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  server = new FakeServer();
  streams = [];
  posts = [];
  underWay = mostAtOnce = 0;
  signs = 0;
  signStatus = 200;
  isHung = isUnanswered = isRefusing = arePostsHung = false;
  heartbeatS = 20;
  attached = { after: 0, head: 0, feed: server.feed, reset: false };
  mock.method(globalThis, "fetch", answer);
  mockTimeouts();
});

afterEach(() => {
  client?.close();
  globalThis.WebSocket = realWebSocket;
  mock.timers.reset();
  mock.restoreAll();
});

async function answer(address: URL, init: RequestInit): Promise<Response> {
  if (address.pathname === "/healthz") {
    signs += 1;
    if (isHung) await new Promise(() => {});
    return Response.json({ status: "ok" }, { status: signStatus });
  }
  if (!init.method && isUnanswered) await new Promise(() => {});
  if (!init.method && isRefusing && address.search) {
    isRefusing = false;
    const problem = { code: "bad_cursor", detail: "not a cursor", retryable: false };
    return Response.json(problem, { status: 400 });
  }
  if (!init.method) return new Response(streamOf(address, init));
  posts.push({ path: address.pathname, body: JSON.parse(init.body as string) });
  if (isHung || arePostsHung) await aborted(init.signal as AbortSignal);
  underWay += 1;
  mostAtOnce = Math.max(mostAtOnce, underWay);
  await new Promise((resolve) => setTimeout(resolve, 50));
  underWay -= 1;
  return Response.json({ thread_id: THREAD, run_id: "r", seq: 1, duplicate: false });
}

/** Never answers, and fails when it is aborted. */
const aborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });

function streamOf(address: URL, init: RequestInit): ReadableStream<Uint8Array> {
  const headers = new Headers(init.headers);
  const signal = init.signal as AbortSignal;
  return new ReadableStream({
    start(controller) {
      const text = (one: string) => controller.enqueue(new TextEncoder().encode(one));
      const line = (one: object) => text(`data: ${JSON.stringify(one)}\n\n`);
      const say = (event_type: string, data: object) =>
        line({ event_type, timestamp: 1, user_id: USER, data });
      signal.addEventListener("abort", () => controller.error(signal.reason));
      streams.push({ address, headers, signal, say, text });
      const ready = { feed: server.feed, expires_at: server.expiresAt, heartbeat_s: heartbeatS };
      say("connection_ready", ready);
      say("attached", attached);
      text(`id: ${server.feed}:${(attached as { after: number }).after}\n\n`);
      say("caught_up", { seq: 0 });
    },
  });
}

/** Streams are read in turns of the event loop, not only in microtasks. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) {
    await settled();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function pass(ms: number, signOfLifeMs = Number.POSITIVE_INFINITY): Promise<void> {
  for (let left = ms, quiet = 0; left > 0; left -= 1_000) {
    mock.timers.tick(Math.min(left, 1_000));
    quiet += 1_000;
    if (quiet >= signOfLifeMs) streams.at(-1)?.text(": \n\n");
    if (quiet >= signOfLifeMs) quiet = 0;
    await turns();
  }
}

/** An event, with the id from which a reader goes on behind it. */
function say(stream: Stream | undefined, seq: number): void {
  const data = JSON.stringify(event(seq, "agent_delta", { text: "x" }));
  stream?.text(`id: ${server.feed}:${seq}\nevent: agent_delta\ndata: ${data}\n\n`);
}

async function started(token = () => tokenFor(USER)): Promise<void> {
  client = new Client({ url: "http://test/", token, transports: [eventStream] });
  client.start();
  await turns();
}

const phase = () => client.status.phase;

test("where WebSockets are blocked, its code is loaded and it is used", async () => {
  class Blocked {
    onclose: ((event: { code: number }) => void) | null = null;
    constructor() {
      queueMicrotask(() => this.onclose?.({ code: 1006 }));
    }
    close() {}
  }
  globalThis.WebSocket = Blocked as never;
  const token = () => tokenFor(USER);
  client = new Client({ url: "http://test/", token });
  client.start();
  await turns();
  assert.deepEqual(client.status, { phase: "live", transport: "sse" });
});

test("it asks for what it is, so that a server can tell a crowd of streams from requests", async () => {
  await started();
  assert.equal(streams[0]?.headers.get("accept"), "text/event-stream");
});

test("looking at the page again does not end a healthy connection", async () => {
  await started();
  for (let looks = 0; looks < 10; looks += 1) {
    client.handleEvent(new Event("visibilitychange"));
    client.handleEvent(new Event("offline"));
    await pass(40_000, 20_000);
  }
  assert.deepEqual([streams.length, phase(), signs], [1, "live", 20]);
});

test("nor does the longest quiet that a server may be set to", async () => {
  heartbeatS = 55;
  await started();
  await pass(300_000, 55_000);
  assert.deepEqual([streams.length, phase()], [1, "live"]);
  assert.ok(signs <= 12, `${signs}`);
});

for (const heartbeat of [5, 20, 55]) {
  test(`a stream that is silent for 5 s more than ${heartbeat} s is given up, though requests are answered`, async () => {
    heartbeatS = heartbeat;
    await started();
    await pass(heartbeat * 1_000, heartbeat * 1_000);
    await pass(heartbeat * 1_000 + 4_000);
    assert.deepEqual([streams.length, streams[0]?.signal.aborted], [1, false]);
    await pass(3_000);
    assert.deepEqual([streams.length, streams[0]?.signal.aborted], [2, true]);
  });
}

test("so is a stream that does not begin", async () => {
  await started();
  isUnanswered = true;
  streams[0]?.say("attached", { ...attached, reset: true, reason: "trimmed" });
  await pass(24_000);
  assert.equal(phase(), "live");
  await pass(2_000);
  assert.equal(phase(), "waiting");
});

test("a message that is not answered is asked about by a request, and the stream given up", async () => {
  await started();
  isHung = true;
  client.send("Hello", { threadId: THREAD });
  await pass(3_000);
  assert.deepEqual([signs, streams.length], [1, 1]);
  isHung = false;
  await pass(5_000);
  assert.deepEqual([streams[0]?.signal.aborted, streams.length, phase()], [true, 2, "live"]);
  assert.equal(posts.length, 2);
});

test("a message that is never answered is sent again, though the stream goes on", async () => {
  await started();
  arePostsHung = true;
  const sent = client.send("Hello", { threadId: THREAD });
  await pass(19_000, 5_000);
  assert.deepEqual([posts.length, phase()], [1, "live"]);
  arePostsHung = false;
  await pass(3_000, 5_000);
  assert.deepEqual([posts.length, posts[1], streams.length, phase()], [2, posts[0], 1, "live"]);
  assert.equal((await sent).thread_id, THREAD);
});

test("what a proxy says in the place of a server is no sign of life", async () => {
  await started();
  signStatus = 502;
  await pass(31_000);
  assert.equal(streams[0]?.signal.aborted, true);
});

test("its token is renewed by another stream, of which nobody is told", async () => {
  server.expiresAt = 101;
  const tokens: string[] = [];
  await started(() => {
    tokens.push(tokenFor(USER));
    return tokens.at(-1) as string;
  });
  const seen: number[] = [];
  const phases: string[] = [];
  client.on("agent_delta", ({ seq }) => seen.push(seq));
  client.subscribe(() => phases.push(phase()));
  say(streams[0], 1);
  await pass(74_000, 20_000);
  assert.equal(streams.length, 1);
  await pass(2_000);
  assert.deepEqual([streams.length, streams[0]?.signal.aborted], [2, true]);
  const { address, headers } = streams[1] as Stream;
  assert.deepEqual(
    [headers.get("authorization"), headers.get("last-event-id"), address.searchParams.get("after")],
    [`Bearer ${tokens[1]}`, `${server.feed}:1`, null],
  );
  say(streams[1], 2);
  client.send("Hello", { threadId: THREAD });
  await pass(2_000);
  assert.deepEqual([seen, [...new Set(phases)], tokens.length], [[1, 2], ["live"], 2]);
});

test("of a block that was cut by that, another stream brings the whole", async () => {
  server.expiresAt = 101;
  await started();
  say(streams[0], 1);
  await pass(74_000, 20_000);
  streams[0]?.text(`id: ${server.feed}:2\nevent: agent_delta\n`);
  await pass(2_000);
  assert.equal(streams[1]?.headers.get("last-event-id"), `${server.feed}:1`);
});

test("a stream that cannot go on with the new token from where it was says so", async () => {
  server.expiresAt = 101;
  await started();
  attached = { after: 7, head: 7, feed: server.feed, reset: true, reason: "trimmed" };
  const resets: unknown[] = [];
  client.on("attached", ({ data }) => {
    resets.push(data.reason);
    attached = { ...attached, reset: false };
  });
  await pass(76_000, 20_000);
  assert.deepEqual([resets, phase()], [["trimmed"], "live"]);
});

test("after a reset there is one stream, from where it says", async () => {
  await started();
  const seen: number[] = [];
  client.on("agent_delta", ({ seq }) => seen.push(seq));
  streams[0]?.say("attached", { ...attached, after: 7, head: 7, reset: true, reason: "trimmed" });
  attached = { ...attached, after: 7, head: 7 };
  await turns();
  assert.deepEqual([streams.length, streams[0]?.signal.aborted], [2, true]);
  assert.equal(streams[1]?.address.searchParams.get("after"), "7");
  streams[1]?.text(`data: ${JSON.stringify(event(8, "agent_delta", { text: "x" }))}\n\n`);
  await pass(2_000);
  assert.deepEqual([seen, phase()], [[8], "live"]);
});

test("a kept cursor that the server cannot read is not tried twice", async () => {
  const kept = storage();
  kept.setItem(keptName(USER), JSON.stringify({ feed: "of another server", after: 7 }));
  isRefusing = true;
  const token = () => tokenFor(USER);
  const transports = [eventStream];
  client = new Client({ url: "http://test/", token, transports, storage: kept, resume: true });
  client.start();
  await pass(2_000);
  assert.deepEqual([isRefusing, phase(), client.cursor.feed], [false, "live", server.feed]);
});

test("messages of one thread are requests one after the other", async () => {
  await started();
  for (const content of ["one", "two", "three"]) client.send(content, { threadId: THREAD });
  await pass(5_000);
  assert.equal(mostAtOnce, 1);
  assert.deepEqual(
    posts.map(({ body }) => (body as { content: string }).content),
    ["one", "two", "three"],
  );
});
