/** The event stream: where WebSockets are blocked, without the signs of life of one. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { eventStream } from "../src/event_stream.ts";
import { Client } from "../src/index.ts";
import { event, FakeServer, settled, THREAD, tokenFor, USER } from "./fake_server.ts";

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
let mostAtOnce: number;
/** What `attached` says; by default the head. */
let attached: object;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  server = new FakeServer();
  streams = [];
  posts = [];
  mostAtOnce = 0;
  attached = { after: 0, head: 0, feed: server.feed, reset: false };
  mock.method(globalThis, "fetch", answer);
});

afterEach(() => {
  client?.close();
  globalThis.WebSocket = realWebSocket;
  mock.timers.reset();
  mock.restoreAll();
});

let underWay = 0;

async function answer(address: URL, init: RequestInit): Promise<Response> {
  if (!init.method) return new Response(streamOf(address, init));
  posts.push({ path: address.pathname, body: JSON.parse(init.body as string) });
  underWay += 1;
  mostAtOnce = Math.max(mostAtOnce, underWay);
  await new Promise((resolve) => setTimeout(resolve, 50));
  underWay -= 1;
  return Response.json({ thread_id: THREAD, run_id: "r", seq: 1, duplicate: false });
}

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
      say("attached", attached);
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

async function started(): Promise<void> {
  const token = () => tokenFor(USER);
  client = new Client({ url: "http://test/", token, transport: [eventStream] });
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
    client.handleEvent({ type: "visibilitychange" } as StorageEvent);
    client.handleEvent({ type: "offline" } as StorageEvent);
    await pass(25_000, 20_000);
  }
  assert.deepEqual([streams.length, phase()], [1, "live"]);
});

test("nor does the longest quiet that a server may be set to", async () => {
  await started();
  await pass(300_000, 55_000);
  assert.deepEqual([streams.length, phase()], [1, "live"]);
});

test("one on which nothing comes any more is given up", async () => {
  await started();
  await pass(70_000);
  assert.equal(streams[0]?.signal.aborted, true);
  assert.ok(streams.length > 1);
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
