/** How figures, times and moments read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, count, duration, moment, plural } from "../../src/console/format.ts";

test("numbers are short", () => {
  assert.deepEqual([0, 0.25, 9.96, 12.6, 1_204, null].map(count), [
    "0",
    "0.3",
    "10",
    "13",
    "1,204",
    "–",
  ]);
  assert.deepEqual(
    [bytes(100), bytes(1_536), bytes(3 * 1_024 ** 2)],
    ["100 B", "1.5 KiB", "3 MiB"],
  );
  assert.deepEqual(
    [plural(1, "run"), plural(2, "run"), plural(0, "run")],
    ["1 run", "2 runs", "0 runs"],
  );
});

test("durations have the unit that suits them", () => {
  assert.deepEqual([0.0004, 0.042, 2.34, 75, null].map(duration), [
    "0.4 ms",
    "42 ms",
    "2.3 s",
    "1 min 15 s",
    "–",
  ]);
});

test("a time on another day has its date", () => {
  const noon = new Date(2026, 10, 26, 12, 0, 5).getTime() / 1_000;

  assert.equal(moment(noon, noon + 60), "12:00:05");
  assert.equal(moment(noon - 86_400, noon), "25 Nov 12:00:05");
});
