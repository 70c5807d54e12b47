/** When work for the next frame runs. */
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { inNextFrame } from "../../src/design/next_frame.ts";

const frames = new Set<() => void>();
let count = 0;
const work = () => {
  count += 1;
};

beforeEach(() => {
  frames.clear();
  count = 0;
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  let act: () => void;
  globalThis.requestAnimationFrame = (callback) => {
    act = () => callback(0);
    frames.add(act);
    return 1;
  };
  globalThis.cancelAnimationFrame = () => void frames.delete(act);
});

test("it runs once, in the next frame", () => {
  inNextFrame(work);
  assert.equal(count, 0);
  for (const act of frames) act();
  mock.timers.tick(1_000);
  assert.equal(count, 1);
});

test("in a hidden page it runs all the same, and leaves no frame request behind", () => {
  inNextFrame(work);
  mock.timers.tick(249);
  assert.equal(count, 0);
  mock.timers.tick(1);
  assert.deepEqual([count, frames.size], [1, 0]);
});

test("it can be cancelled", () => {
  inNextFrame(work)();
  mock.timers.tick(1_000);
  assert.deepEqual([count, frames.size], [0, 0]);
});
