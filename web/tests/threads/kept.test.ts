/** What is kept in the browser about threads: what was seen, and what is to be deleted. */
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Deletions } from "../../src/chat/threads/deletions.ts";
import { Seen } from "../../src/chat/threads/seen.ts";

const kept = new Map<string, string>();
const storage = {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, text: string) => void kept.set(key, text),
  removeItem: (key: string) => void kept.delete(key),
};
const page = new EventTarget();
Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
Object.assign(globalThis, {
  addEventListener: page.addEventListener.bind(page),
  removeEventListener: page.removeEventListener.bind(page),
});

beforeEach(() => kept.clear());

const line = (id: string, order: number) => ({
  ...{
    id,
    order,
    title: id,
    preview: "",
    updatedAt: 1,
    isRunning: false,
    isWaiting: false,
    isArchived: false,
  },
});
const cursor = { feed: "feed_1", seq: 10 };

test("whoever is here for the first time has seen everything that was there", () => {
  const seen = new Seen("ada", cursor);
  assert.equal(seen.isUnread(line("a", 10)), false);
  assert.equal(seen.isUnread(line("a", 11)), true);
});

test("a thread is unread from its next message on, after a reload too", () => {
  const seen = new Seen("ada", cursor);
  seen.see(line("a", 12));
  const again = new Seen("ada", { ...cursor, seq: 20 });
  assert.equal(again.isUnread(line("a", 12)), false);
  assert.equal(again.isUnread(line("a", 15)), true);
  assert.equal(again.isUnread(line("b", 15)), true);
});

test("each user has marks of their own, and a new feed begins anew", () => {
  new Seen("ada", cursor).see(line("a", 12));
  assert.equal(new Seen("bob", { ...cursor, seq: 30 }).isUnread(line("a", 20)), false);
  const renewed = new Seen("ada", { feed: "feed_2", seq: 3 });
  assert.equal(renewed.isUnread(line("a", 4)), true);
});

test("what is kept has a bound, and what falls out counts as seen", () => {
  const seen = new Seen("ada", { feed: "feed_1", seq: 0 });
  for (let order = 1; order <= 700; order += 1) seen.see(line(`t${order}`, order));
  const { threads } = JSON.parse(kept.get("threadcast.seen.ada") ?? "{}");
  assert.equal(Object.keys(threads).length, 500);
  assert.equal(seen.isUnread(line("t1", 1)), false);
  assert.equal(seen.isUnread(line("t700", 701)), true);
});

test("what is no mark of ours is not believed", () => {
  kept.set("threadcast.seen.ada", "{not json");
  assert.equal(new Seen("ada", cursor).isUnread(line("a", 9)), false);
});

test("signing out leaves nothing", () => {
  new Seen("ada", cursor).see(line("a", 12));
  Seen.forget("ada");
  assert.equal(kept.size, 0);
});

function owner() {
  const log: string[] = [];
  const undos: (() => void)[] = [];
  return {
    log,
    undos,
    remove: async (id: string) => void log.push(`removed ${id}`),
    offer: (undo: () => void) => {
      undos.push(undo);
      return () => log.push("offer gone");
    },
    failed: (error: Error) => void log.push(error.message),
  };
}

test("a thread is gone from the list at once, and from the server some seconds later", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const own = owner();
  const deletions = new Deletions(own);
  deletions.delete("a");
  assert.deepEqual([...deletions.hidden.value], ["a"]);
  mock.timers.tick(6_999);
  assert.deepEqual(own.log, []);
  mock.timers.tick(1);
  await Promise.resolve();
  assert.deepEqual(own.log, ["offer gone", "removed a"]);
  deletions.close();
  mock.timers.reset();
});

test("undo brings it back and nothing is sent", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const own = owner();
  const deletions = new Deletions(own);
  deletions.delete("a", () => own.log.push("undone"));
  own.undos[0]?.();
  mock.timers.tick(60_000);
  assert.equal(deletions.hidden.value.size, 0);
  assert.deepEqual(own.log, ["offer gone", "undone"]);
  deletions.close();
  mock.timers.reset();
});

test("leaving the page sends what waits", () => {
  const own = owner();
  const deletions = new Deletions(own);
  deletions.delete("a");
  page.dispatchEvent(new Event("pagehide"));
  assert.deepEqual(own.log, ["offer gone", "removed a"]);
  deletions.close();
});

test("what could not be deleted is back in the list, with the reason", async () => {
  const own = owner();
  own.remove = async () => {
    throw new Error("The server cannot be reached.");
  };
  const deletions = new Deletions(own);
  deletions.delete("a");
  deletions.sendAll();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(deletions.hidden.value.size, 0);
  assert.deepEqual(own.log, ["offer gone", "The server cannot be reached."]);
  deletions.close();
});
