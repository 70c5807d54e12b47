/** What was being written: whose it is, how much is kept, and what takes it away. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import {
  type DraftStorage,
  Drafts,
  forgetDrafts,
  forgetDraftsOfOthers,
} from "../../src/chat/conversation/drafts.ts";

const kept = new Map<string, string>();
const storage: DraftStorage = {
  get length() {
    return kept.size;
  },
  key: (index) => [...kept.keys()][index] ?? null,
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, text) => void kept.set(key, text),
  removeItem: (key) => void kept.delete(key),
};

beforeEach(() => {
  kept.clear();
  kept.set("shop.basket", "3 pears");
});

test("two users in one page keep what each was writing", () => {
  const ada = new Drafts(storage, "ada");
  ada.write(null, "a long letter");
  const bob = new Drafts(storage, "bob");
  for (let count = 0; count < 30; count += 1) bob.write(`t${count}`, "a note");
  assert.equal(ada.read(null), "a long letter");
  assert.equal(kept.size, 2 + 20);
});

test("who signs out takes along what is theirs", () => {
  const ada = new Drafts(storage, "ada");
  const bob = new Drafts(storage, "bob");
  ada.write(null, "a long letter");
  bob.write(null, "a note");
  forgetDrafts(storage, "bob");
  assert.deepEqual([ada.read(null), bob.read(null)], ["a long letter", ""]);
});

test("the next user of a tab finds nothing of those before", () => {
  new Drafts(storage, "ada").write(null, "a long letter");
  new Drafts(storage, "bob").write(null, "a note");
  forgetDraftsOfOthers("bob", storage);
  assert.deepEqual([...kept.values()], ["3 pears", "a note"]);
});

test("signing out of the page leaves nothing of anybody, and what is not ours", () => {
  new Drafts(storage, "ada").write("t1", "a long letter");
  forgetDrafts(storage);
  assert.deepEqual([...kept.values()], ["3 pears"]);
});
