/** The state of a chat: whatever becomes of the connection, it equals what a fresh page reads. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { ChatClient, textOf } from "../src/chat.ts";
import { subjectOf } from "../src/credential/claims.ts";
import type { ChatState, ThreadView } from "../src/state/model.ts";
import { event, FakeServer, pass, RUN, THREAD, tokenFor, USER } from "./fake_server.ts";

let server: FakeServer;
const clients: ChatClient[] = [];

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  server = new FakeServer();
  mock.method(globalThis, "fetch", server.fetch);
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  mock.timers.reset();
  mock.restoreAll();
});

async function started(): Promise<ChatClient> {
  const token = () => tokenFor(USER);
  const client = new ChatClient({ url: "http://test/", token, transports: [server.open] });
  clients.push(client);
  client.start();
  await pass(100);
  return client;
}

/** A run in a thread: what a server would commit. */
function converse(thread: string, run: string, words: number): void {
  const at = { thread, run };
  server.append("message_created", { role: "user", content: run, client_message_id: run }, at);
  server.append("agent_started", { agent: "demo", attempt: 1 }, at);
  for (let word = 0; word < words; word += 1)
    server.append("agent_delta", { text: `${word} ` }, at);
}

const finish = (thread: string, run: string) =>
  server.append("agent_cancelled", { reason: "x" }, { thread, run });

test("a page reads its threads, and the open one with what has been said", async () => {
  server.append("thread_created", { title: "Sums", metadata: { a: 1 } });
  converse(THREAD, RUN, 20);
  const client = await started();
  assert.equal(client.state.threads.get(THREAD)?.history, null);
  client.open(THREAD);
  await pass(100);
  const thread = client.state.threads.get(THREAD);
  assert.deepEqual([thread?.title, thread?.metadata], ["Sums", { a: 1 }]);
  const run = thread?.history?.runs.get(RUN);
  assert.ok(run);
  assert.equal(textOf(run).split(" ").length, 21);
  assert.deepEqual(Object.keys(thread?.active ?? {}), [RUN]);
});

test("older messages are read page by page, and what is known stays as it is", async () => {
  server.append("thread_created", { title: null, metadata: {} });
  const runs = Array.from({ length: 10 }, (_, count) => `run_chat_1_${count}_00000000`);
  for (const run of runs) {
    converse(THREAD, run, 3);
    finish(THREAD, run);
  }
  server.pageMessages = 4;
  const client = await started();
  client.open(THREAD);
  await pass(100);
  const history = () => client.state.threads.get(THREAD)?.history;
  const sizes = [history()?.order.length];
  const latest = history()?.runs.get(runs[9] as string);
  while (history()?.hasEarlier) {
    client.readEarlier();
    await pass(100);
    sizes.push(history()?.order.length);
  }
  assert.deepEqual(sizes, [4, 8, 10]);
  assert.deepEqual(history()?.order, runs);
  assert.equal(history()?.runs.get(runs[9] as string), latest);
  const events = server.journal.length;
  const pages = server.requests.filter((path) => path.endsWith("/events")).length;
  assert.ok(pages <= events / 7 + 3, "nothing was read twice");
});

test("a run that began before the page of messages is put together", async () => {
  server.append("thread_created", { title: null, metadata: {} });
  converse(THREAD, RUN, 2);
  const other = { run: "run_chat_1_2_00000000" };
  const message = { role: "user", content: "two", client_message_id: "m2" };
  server.append("message_created", message, other);
  server.append("agent_delta", { text: "late " });
  finish(THREAD, RUN);
  finish(THREAD, other.run);
  server.pageMessages = 1;
  const client = await started();
  client.open(THREAD);
  await pass(100);
  client.readEarlier();
  await pass(100);
  const history = client.state.threads.get(THREAD)?.history;
  const run = history?.runs.get(RUN);
  assert.ok(run);
  assert.deepEqual([textOf(run), run.message?.content], ["0 1 late ", RUN]);
  assert.deepEqual(history?.order, [RUN, other.run]);
});

test("a thread says how its runs stand, though it was never opened", async () => {
  server.append("thread_created", { title: "", metadata: {} });
  converse(THREAD, RUN, 2);
  const other = "thread_chat_1_2_00000000";
  server.append("thread_created", { title: "", metadata: {} }, { thread: other });
  const at = { thread: other, run: "run_chat_1_2_00000000" };
  converse(at.thread, at.run, 1);
  for (const input_id of ["i1", "i2"]) {
    server.append("input_requested", { input_id, prompt: "?", expires_at: 99 }, at);
  }
  const client = await started();
  const active = (id: string) => client.state.threads.get(id)?.active;
  assert.deepEqual(
    [active(THREAD), active(other)],
    [{ [RUN]: "running" }, { [at.run]: "waiting" }],
  );
  finish(THREAD, RUN);
  server.append("input_received", { input_id: "i1", value: 1 }, at);
  await pass(100);
  assert.deepEqual([active(THREAD), active(other)], [{}, { [at.run]: "waiting" }]);
  server.append("input_received", { input_id: "i2", value: 1 }, at);
  await pass(100);
  assert.deepEqual(active(other), { [at.run]: "running" });
});

test("events during a history read are neither lost nor doubled", async () => {
  server.append("thread_created", { title: null, metadata: {} });
  converse(THREAD, RUN, 3);
  const client = await started();
  const answers: (() => void)[] = [];
  mock.method(globalThis, "fetch", async (address: URL) => {
    await new Promise<void>((resolve) => answers.push(resolve));
    return server.fetch(address);
  });
  client.open(THREAD);
  await pass(20);
  for (let word = 3; word < 12; word += 1) {
    answers.shift()?.();
    server.append("agent_delta", { text: `${word} ` });
    await pass(20);
  }
  while (answers.length) {
    answers.shift()?.();
    await pass(20);
  }
  const run = client.state.threads.get(THREAD)?.history?.runs.get(RUN);
  assert.ok(run);
  assert.equal(textOf(run), "0 1 2 3 4 5 6 7 8 9 10 11 ");
});

test("a thread of which only events tell is read", async () => {
  server.append("thread_created", { title: "Old", metadata: {} });
  const client = await started();
  const thread = "thread_chat_1_9_00000000";
  const hidden = event(3, "agent_delta", { text: "x" }, { thread });
  server.journal.push(event(2, "thread_created", { title: "Found", metadata: {} }, { thread }));
  server.link.text(JSON.stringify(hidden));
  await pass(100);
  assert.equal(client.state.threads.get(thread)?.title, "Found");
});

test("a thread that is not there is said to be missing, once", async () => {
  const client = await started();
  client.open(THREAD);
  await pass(1_000);
  assert.deepEqual(client.state.unreadable, { [THREAD]: "missing" });
  assert.equal(server.requests.filter((path) => path.endsWith(THREAD)).length, 1);
});

test("only the histories of the latest twelve threads are kept", async () => {
  const ids = Array.from({ length: 20 }, (_, count) => `thread_chat_1_${count}_00000000`);
  for (const thread of ids)
    server.append("thread_created", { title: "", metadata: {} }, { thread });
  const client = await started();
  for (const id of ids) {
    client.open(id);
    await pass(100);
  }
  const kept = ids.filter((id) => client.state.threads.get(id)?.history);
  assert.deepEqual(kept, ids.slice(8));
});

/** What a person can see of these threads, all of which were opened. */
function seen({ threads }: ChatState, ids: readonly string[]): object {
  return ids.map((id) => {
    const { title, preview, metadata, active, history } = threads.get(id) as ThreadView;
    return {
      title,
      preview,
      metadata,
      active,
      order: history?.order,
      runs: [...(history?.runs.values() ?? [])],
    };
  });
}

/** Numbers that look random and are the same in each run of the tests. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (state * 48_271) % 2_147_483_647;
    yield state;
  }
}

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`cuts, repeated pages and resets leave what a fresh page reads (seed ${seed})`, async () => {
    const source = numbers(seed);
    const under = (bound: number) => source.next().value % bound;
    const threads = [THREAD, "thread_chat_1_2_00000000", "thread_chat_1_3_00000000"] as const;
    for (const thread of threads)
      server.append("thread_created", { title: "", metadata: {} }, { thread });
    const client = await started();
    let runs = 0;
    let running: [string, string][] = [];
    for (let step = 0; step < 120; step += 1) {
      const thread = threads[under(3)] as string;
      switch (under(9)) {
        case 0:
        case 1:
          running.push([thread, `run_chat_1_${++runs}_00000000`]);
          converse(...(running.at(-1) as [string, string]), under(9));
          break;
        case 2:
          for (const [of, run] of running) finish(of, run);
          running = [];
          break;
        case 3:
          client.open(thread);
          break;
        case 4:
          server.link.drop();
          server.pageEvents = 1 + under(5);
          break;
        case 5:
          server.append("thread_updated", { title: `${step}`, metadata: {} }, { thread });
          break;
        case 6:
          if (under(4) === 0) {
            server.feed = `feed_${step}_1_00000000`;
            server.link.drop();
          }
          break;
        default:
          await pass(under(600));
      }
    }
    for (const [of, run] of running) finish(of, run);
    await pass(20_000);
    const fresh = await started();
    for (const thread of threads) {
      client.open(thread);
      fresh.open(thread);
      await pass(500);
    }
    assert.deepEqual(client.status, { phase: "live", transport: "websocket" });
    assert.deepEqual(seen(client.state, threads), seen(fresh.state, threads));
    assert.deepEqual(client.state.recent, fresh.state.recent);
  });
}

// --- a server that cannot store anything ---------------------------------------------------------

/** What `/readyz` says of the store. */
function readiness(store: string): void {
  const { fetch } = server;
  mock.method(globalThis, "fetch", async (address: URL) =>
    address.pathname === "/readyz"
      ? Response.json({ checks: { store } }, { status: store === "ok" ? 200 : 503 })
      : fetch(address),
  );
}

const troubleOf = ({ status }: ChatClient) => status.phase === "live" && status.trouble?.code;

test("a run that falls silent because nothing can be stored is reported, and goes on", async () => {
  const client = await started();
  converse(THREAD, RUN, 3);
  readiness("the store cannot be used");
  await pass(6_000);
  assert.equal(troubleOf(client), "unavailable");
  server.append("agent_delta", { text: "x" });
  assert.equal(troubleOf(client), undefined);
});

test("a run that is silent for its own reasons is no trouble", async () => {
  const client = await started();
  converse(THREAD, RUN, 3);
  readiness("ok");
  await pass(60_000);
  assert.equal(troubleOf(client), undefined);
});

// --- one user ------------------------------------------------------------------------------------

test("with a token of another user nothing is asked for", async () => {
  let user = USER;
  const asked: string[] = [];
  const client = new ChatClient({
    url: "http://test/",
    token: () => tokenFor(user),
    transports: [server.open],
  });
  clients.push(client);
  client.start();
  await pass(100);
  mock.method(globalThis, "fetch", async (_address: URL, { headers }: RequestInit) => {
    asked.push(`${subjectOf((headers as Record<string, string>).Authorization ?? "")}`);
    const problem = { status: 401, code: "token_expired", detail: "too old" };
    return Response.json(problem, { status: 401 });
  });
  user = "u-2";
  await assert.rejects(client.createThread({ title: "secret" }), { code: "identity_change" });
  assert.deepEqual(asked, [USER]);
  assert.equal((client.status as { code: string }).code, "identity_change");
  assert.equal(server.link.isClosed, true);
});
