/** Work that is due soon. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Frames } from "../src/client/frames.ts";
import { setBack } from "./fake_server.ts";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"], now: 10_000_000 }));

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

test("work is done in the next frame, though the clock was set back", () => {
  let times = 0;
  const frames = new Frames(() => {
    times += 1;
  });
  frames.now();
  setBack(3_600_000);
  frames.soon();
  mock.timers.tick(16);
  assert.equal(times, 2);
});
