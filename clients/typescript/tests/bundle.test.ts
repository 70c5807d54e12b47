/** Texts that come close together. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Bundle } from "../src/shared/bundle.ts";

let posted: string[];
let bundle: Bundle;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  posted = [];
  bundle = new Bundle((text) => posted.push(text));
});

afterEach(() => mock.timers.reset());

/** What a reader makes of a text that was posted. */
const lines = () => posted.map((text) => text.split("\n").filter(Boolean));

test("the first goes at once, and what comes within a frame goes together, in order", () => {
  for (const text of ["a", "b", "c\nd"]) bundle.say(text);
  assert.deepEqual(lines(), [["a"]]);
  mock.timers.tick(16);
  bundle.say("e");
  mock.timers.tick(16);
  assert.deepEqual(lines(), [["a"], ["b", "c", "d"], ["e"]]);
});

test("after a quiet time the next goes at once, and nothing is posted meanwhile", () => {
  bundle.say("a");
  mock.timers.tick(1_000);
  assert.deepEqual(lines(), [["a"]]);
  bundle.say("b");
  assert.deepEqual(lines(), [["a"], ["b"]]);
});

test("a sign of life has no lines, and is posted", () => {
  bundle.say("");
  assert.deepEqual(lines(), [[]]);
});

test("what is to come before something else is given on by then", () => {
  for (const text of ["a", "b"]) bundle.say(text);
  bundle.flush();
  bundle.flush();
  mock.timers.tick(100);
  assert.deepEqual(lines(), [["a"], ["b"]]);
});

test("not more is held than a page can take in one go", () => {
  const text = "x".repeat(30_000);
  for (let count = 0; count < 7; count += 1) bundle.say(text);
  assert.deepEqual(
    lines().map(({ length }) => length),
    [1, 3, 3],
  );
});
