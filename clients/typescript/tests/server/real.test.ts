/** The client against a real development server, whose address is in THREADCAST_TEST_URL. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { ChatClient, textOf } from "../../src/chat.ts";
import { Client, ThreadcastError, type Told } from "../../src/index.ts";
import { Hub, type Page } from "../../src/shared/hub.ts";
import { eventStream } from "../../src/transport/event_stream.ts";
import { type Link, type Transport, webSocket } from "../../src/transport/transport.ts";

const url = process.env.THREADCAST_TEST_URL ?? "";
const clients: Client[] = [];
let users = 0;

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

/** The token callback of a user whom no other test has. */
function person(name = `person-${process.pid}-${++users}`): () => Promise<string> {
  return async () => {
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify({ user: name });
    const answer = await fetch(new URL("dev/token", url), { method: "POST", headers, body });
    return (await answer.json()).token;
  };
}

function started<C extends Client>(client: C): C {
  clients.push(client);
  client.start();
  return client;
}

/** Resolves once this is so. */
function until(client: Client, isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!isSo()) return;
      off();
      resolve();
    };
    const off = client.subscribe(look);
    look();
  });
}

const WAYS: Record<string, Transport> = {
  "a WebSocket": webSocket,
  "an event stream": eventStream,
};

for (const [name, way] of Object.entries(WAYS)) {
  test(`the golden path over ${name}`, async () => {
    const client = started(new ChatClient({ url, token: person(), transports: [way] }));
    const told: string[] = [];
    client.on("*", ({ event_type }) => told.push(event_type));
    const { thread_id, run_id, seq } = await client.send("What is 15% of 240?");
    client.open(thread_id);
    const run = () => client.state.threads.get(thread_id)?.history?.runs.get(run_id);
    await until(client, () => run()?.status === "completed");
    const found = run();
    assert.ok(found);
    assert.match(textOf(found), /36/);
    assert.ok(seq > 0);
    for (const type of ["message_created", "agent_started", "tool_completed", "agent_delta"]) {
      assert.ok(told.includes(type), type);
    }
    assert.deepEqual(client.outbox, []);
    assert.equal(
      "transport" in client.status && client.status.transport,
      name.includes("W") ? "websocket" : "sse",
    );
  });

  test(`a question is answered and a run is stopped over ${name}`, async () => {
    const client = started(new ChatClient({ url, token: person(), transports: [way] }));
    const asked = await client.send("ask me for a number");
    client.open(asked.thread_id);
    const run = (id: string) => client.state.threads.get(asked.thread_id)?.history?.runs.get(id);
    await until(client, () => run(asked.run_id)?.status === "waiting");
    const input = run(asked.run_id)?.steps.find((step) => step.kind === "input");
    client.respond(asked.run_id, input?.id ?? "", 42);
    await until(client, () => run(asked.run_id)?.status === "completed");
    const long = await client.send("a long answer", { threadId: asked.thread_id });
    await until(client, () => (run(long.run_id)?.steps.length ?? 0) > 0);
    client.cancel(long.run_id);
    await until(client, () => run(long.run_id)?.status === "cancelled");
    await until(client, () => client.outbox.length === 0);
  });
}

test("a connection that is cut again and again delivers every event once, in order", async () => {
  const token = person();
  const links = new Set<() => void>();
  const cutting: Transport = (base, credential, listener) => {
    const link = webSocket(base, credential, listener);
    links.add(() => {
      link.close();
      listener.onClose(1006);
    });
    return link;
  };
  const sender = started(new Client({ url, token }));
  const client = started(new Client({ url, token, transports: [cutting] }));
  await until(client, () => client.status.phase === "live");
  const seen: Told[] = [];
  let deltas = 0;
  client.on("*", (event) => {
    seen.push(event);
    if (event.event_type !== "agent_delta" || ++deltas % 10) return;
    const cuts = [...links];
    links.clear();
    for (const cut of cuts) cut();
    client.handleEvent(new Event("online"));
  });
  const { thread_id } = await sender.send("count to 60");
  await until(client, () => seen.at(-1)?.event_type === "agent_completed");
  const text = seen.map((one) => (one.event_type === "agent_delta" ? one.data.text : "")).join("");
  const last = seen.at(-1);
  assert.ok(last?.event_type === "agent_completed");
  assert.equal(text, last.data.content);
  assert.equal(last.thread_id, thread_id);
  assert.ok(deltas >= 10, "it was cut");
});

test("threads are made, renamed and deleted, and another client follows", async () => {
  const token = person();
  const here = started(new ChatClient({ url, token }));
  const there = started(new ChatClient({ url, token }));
  await until(there, () => there.status.phase === "live");
  const id = await here.createThread({ title: "One", metadata: { a: 1 } });
  await until(there, () => there.state.threads.get(id)?.title === "One");
  await here.updateThread(id, { title: "Two" });
  await until(there, () => there.state.threads.get(id)?.title === "Two");
  assert.deepEqual(there.state.threads.get(id)?.metadata, { a: 1 });
  await here.deleteThread(id);
  await until(there, () => !there.state.threads.get(id));
  await assert.rejects(here.updateThread(id, { title: "x" }), (error: ThreadcastError) => {
    assert.ok(error instanceof ThreadcastError);
    assert.equal(error.code, "not_found");
    return true;
  });
});

test("signed out elsewhere, it says so and asks for no more", async () => {
  const token = person();
  let asked = 0;
  const one = await token();
  const client = started(
    new Client({
      url,
      token: () => {
        asked += 1;
        return one;
      },
    }),
  );
  await until(client, () => client.status.phase === "live");
  const headers = { Authorization: `Bearer ${one}` };
  await fetch(new URL("v1/sessions/revoke", url), { method: "POST", headers });
  await until(client, () => client.status.phase === "signed_out");
  assert.equal((client.status as { code: string }).code, "revoked");
  assert.equal(asked, 1);
});

test("a forged token is refused", async () => {
  const client = started(new Client({ url, token: () => "eyJhbGciOiJIUzI1NiJ9.e30.c2ln" }));
  await until(client, () => client.status.phase === "signed_out");
});

test("many pages share one connection to the server", async () => {
  const token = person();
  const hub = new Hub([webSocket]);
  const way: Transport = (base, credential, listener) => {
    const page: Page = { say: listener.onText, end: listener.onClose, transport() {} };
    hub.join(page, base, credential);
    const link: Link = {
      transport: "websocket",
      send: (command) => hub.ask(page, command),
      close: () => hub.leave(page),
    };
    return link;
  };
  const pages = [1, 2, 3].map(() => started(new ChatClient({ url, token, transports: [way] })));
  await Promise.all(pages.map((page) => until(page, () => page.status.phase === "live")));
  const sent = await pages[0]?.send("What is 2 + 2?");
  const id = sent?.thread_id ?? "";
  for (const page of pages) page.open(id);
  const runOf = (page: ChatClient) =>
    page.state.threads.get(id)?.history?.runs.get(sent?.run_id ?? "");
  await Promise.all(pages.map((page) => until(page, () => runOf(page)?.status === "completed")));
  const headers = { Authorization: `Bearer ${await token()}` };
  const listed = await (await fetch(new URL("v1/connections", url), { headers })).json();
  assert.equal(listed.connections.length, 1);
  assert.deepEqual(runOf(pages[2] as ChatClient), runOf(pages[0] as ChatClient));
});
