/** How often what is on screen is drawn. */
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { inFrames } from "../../src/design/in_frames.ts";

const frames = new Map<number, () => void>();
let count = 0;

function drawFrame() {
  const due = [...frames.values()];
  frames.clear();
  for (const act of due) act();
}

beforeEach(() => {
  frames.clear();
  count = 0;
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  let handle = 0;
  globalThis.requestAnimationFrame = (act) => {
    handle += 1;
    frames.set(handle, () => act(0));
    return handle;
  };
  globalThis.cancelAnimationFrame = (which) => void frames.delete(which);
});

const ask = () => inFrames(() => (count += 1));

test("what is asked for many times before a frame is done once, in it", () => {
  const soon = ask();
  soon();
  soon();
  assert.equal(count, 0);
  drawFrame();
  drawFrame();
  assert.equal(count, 1);
  soon();
  drawFrame();
  assert.equal(count, 2);
});

test("a page that draws no frames does it all the same, and leaves nothing for a later one", () => {
  const soon = ask();
  soon();
  mock.timers.tick(249);
  assert.equal(count, 0);
  mock.timers.tick(1);
  assert.equal(count, 1);
  assert.equal(frames.size, 0);
});
