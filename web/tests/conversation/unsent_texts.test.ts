/** What was being written: whose it is, how much is kept, and what takes it away. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import {
  forgetUnsent,
  forgetUnsentOfOthers,
  type TextStorage,
  UnsentTexts,
} from "../../src/chat/conversation/unsent_texts.ts";

const kept = new Map<string, string>();
const storage: TextStorage = {
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

test("two users of one page keep their own unsent texts", () => {
  const ada = new UnsentTexts(storage, "ada");
  ada.write(null, "a long letter");
  const bob = new UnsentTexts(storage, "bob");
  for (let count = 0; count < 30; count += 1) bob.write(`t${count}`, "a note");
  assert.equal(ada.read(null), "a long letter");
  assert.equal(kept.size, 2 + 20);
});

test("signing out removes that user's unsent texts", () => {
  const ada = new UnsentTexts(storage, "ada");
  const bob = new UnsentTexts(storage, "bob");
  ada.write(null, "a long letter");
  bob.write(null, "a note");
  forgetUnsent(storage, "bob");
  assert.deepEqual([ada.read(null), bob.read(null)], ["a long letter", ""]);
});

test("the next user of a tab finds nothing of earlier ones", () => {
  new UnsentTexts(storage, "ada").write(null, "a long letter");
  new UnsentTexts(storage, "bob").write(null, "a note");
  forgetUnsentOfOthers("bob", storage);
  assert.deepEqual([...kept.values()], ["3 pears", "a note"]);
});

test("signing out of the page removes all unsent texts, and nothing else", () => {
  new UnsentTexts(storage, "ada").write("t1", "a long letter");
  forgetUnsent(storage);
  assert.deepEqual([...kept.values()], ["3 pears"]);
});
