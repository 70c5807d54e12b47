/** What was seen, as this browser keeps it. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Seen } from "../../src/chat/threads/seen.ts";
import { line as lineOf } from "./a_line.ts";

const kept = new Map<string, string>();
const storage = {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, text: string) => void kept.set(key, text),
  removeItem: (key: string) => void kept.delete(key),
};
Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
Object.assign(globalThis, { addEventListener: () => {} });

beforeEach(() => kept.clear());

const line = (id: string, order: number) => lineOf(id, { order });
const cursor = { feed: "feed_1", seq: 10 };

test("on a first visit, everything counts as read", () => {
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

test("the number of marks is bounded, and older threads count as read", () => {
  const seen = new Seen("ada", { feed: "feed_1", seq: 0 });
  for (let order = 1; order <= 700; order += 1) seen.see(line(`t${order}`, order));
  const { threads } = JSON.parse(kept.get("threadcast.seen.ada") ?? "{}");
  assert.equal(Object.keys(threads).length, 500);
  assert.equal(seen.isUnread(line("t1", 1)), false);
  assert.equal(seen.isUnread(line("t700", 701)), true);
});

test("foreign data is ignored", () => {
  kept.set("threadcast.seen.ada", "{not json");
  assert.equal(new Seen("ada", cursor).isUnread(line("a", 9)), false);
});

test("signing out leaves nothing", () => {
  new Seen("ada", cursor).see(line("a", 12));
  Seen.forget("ada");
  assert.equal(kept.size, 0);
});
