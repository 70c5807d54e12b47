/** Cursors: what is told after a break, to callbacks and iterators, and where a page goes on. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { JournalEvent } from "../src/index.ts";
import { client, made, phase, server, started } from "./client_scene.ts";
import { event, pass, settled, USER } from "./fake_server.ts";
import { keptName, storage } from "./tabs.ts";

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
  made({ url: "http://test", storage: kept, resume: true });
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

for (const item of ["{oops", "null", "[]", '"3"', "{}", '{"after":"3","feed":null}']) {
  test(`a kept cursor that is none is told as lost, and events go on: ${item}`, async () => {
    const kept = storage();
    kept.setItem(keptName(USER), item);
    server.append("agent_delta", { text: "before" });
    made({ storage: kept, resume: true });
    const told: unknown[] = [];
    client.on("attached", ({ data }) => told.push(data.reset));
    client.on("agent_delta", ({ seq }) => told.push(seq));
    client.start();
    await pass(100);
    server.append("agent_delta", { text: "a" });
    await pass(100);
    assert.deepEqual([told, phase(), server.links.length], [[true, 2], "live", 1]);
    assert.deepEqual(JSON.parse(kept.getItem(keptName(USER)) ?? ""), client.cursor);
  });
}

test("nor is one that the server cannot read tried twice", async () => {
  const kept = storage();
  kept.setItem(keptName(USER), JSON.stringify({ feed: "of another server", after: 7 }));
  const refusal = { code: "bad_id", message: "feed: expected a feed id", retryable: false };
  server.refusals.set("attach", refusal);
  made({ storage: kept, resume: true });
  const told: unknown[] = [];
  client.on("attached", ({ data }) => told.push(data.reset));
  client.start();
  await pass(1_000);
  assert.deepEqual([told, phase(), server.links.length], [[true], "live", 2]);
  assert.equal(client.cursor.feed, server.feed);
});

test("where the storage takes nothing, events are told all the same", async () => {
  const kept = storage();
  mock.method(kept, "setItem", () => {
    throw new Error("full");
  });
  await started({ storage: kept, resume: true });
  let seen = 0;
  client.on("agent_delta", () => {
    seen += 1;
  });
  server.append("agent_delta", { text: "x" });
  await pass(100);
  assert.deepEqual([seen, phase()], [1, "live"]);
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
