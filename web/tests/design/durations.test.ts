/** How long something took, in words. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { durationOfMs, durationOfS } from "../../src/design/durations.ts";

test("a measured duration has the unit that suits it", () => {
  const taken = [0, 0.42, 9.96, 320, 949, 960, 4_230, 9_960, 72_000];
  assert.deepEqual(taken.map(durationOfMs), [
    ...["0 ms", "0.4 ms", "10 ms", "320 ms", "949 ms"],
    ...["1 s", "4.2 s", "10 s", "1 min 12 s"],
  ]);
});

test("a long duration is in whole seconds and at most two units", () => {
  const taken = [-3, 0.2, 45, 59.6, 185, 3_600, 7_805, 97_200];
  assert.deepEqual(taken.map(durationOfS), [
    ...["0 s", "0 s", "45 s", "1 min", "3 min 5 s", "1 h", "2 h 10 min", "1 d 3 h"],
  ]);
});
