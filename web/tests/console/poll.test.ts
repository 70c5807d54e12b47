import assert from "node:assert/strict";
import { test } from "node:test";
import { ThreadcastError } from "@threadcast/client/request";
import { Poll } from "../../src/console/poll.ts";

/** A scheduler that a test advances. */
class Clock {
  nowMs = 0;
  readonly waits: number[] = [];
  #work: (() => void) | null = null;

  now(): number {
    return this.nowMs;
  }

  later(work: () => void, ms: number): () => void {
    this.waits.push(ms);
    this.#work = work;
    return () => {
      this.#work = null;
    };
  }

  get waiting(): boolean {
    return this.#work !== null;
  }

  async goOn(): Promise<void> {
    const work = this.#work;
    this.#work = null;
    this.nowMs += this.waits.at(-1) ?? 0;
    work?.();
    await settled();
  }
}

/** Resolves once pending promises have settled. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("each request gets the previous answer, at the interval", async () => {
  const clock = new Clock();
  const poll = new Poll<number>(async (before) => (before ?? 0) + 1, 2_000, clock);

  poll.start();
  await settled();
  await clock.goOn();

  assert.equal(poll.state.value.answer, 2);
  assert.equal(poll.state.value.answeredAt, 2_000);
  assert.deepEqual(clock.waits, [2_000, 2_000]);
});

test("failures keep the last answer and slow down polling", async () => {
  const clock = new Clock();
  let works = true;
  const poll = new Poll<string>(
    async () => {
      if (!works) throw new ThreadcastError("unreachable", "gone");
      return "here";
    },
    2_000,
    clock,
  );

  poll.start();
  await settled();
  works = false;
  for (let turn = 0; turn < 4; turn += 1) await clock.goOn();

  assert.deepEqual(clock.waits, [2_000, 4_000, 5_000, 5_000, 5_000]);
  assert.equal(poll.state.value.answer, "here");
  assert.equal(poll.state.value.answeredAt, 0);
  assert.equal(poll.state.value.problem?.code, "unreachable");
});

test("a question that failed late is asked again at once, so that another node may answer", async () => {
  const clock = new Clock();
  const poll = new Poll<string>(
    async () => {
      clock.nowMs += 5_000;
      throw new ThreadcastError("unreachable", "gone");
    },
    2_000,
    clock,
  );

  poll.start();
  await settled();

  assert.deepEqual(clock.waits, [0]);
});

test("it honours retry_after_ms", async () => {
  const clock = new Clock();
  const poll = new Poll<string>(
    () =>
      Promise.reject(
        new ThreadcastError("rate_limited", "slowly", { status: 429, retry_after_ms: 30_000 }),
      ),
    2_000,
    clock,
  );

  poll.start();
  await settled();

  assert.deepEqual(clock.waits, [30_000]);
});

test("paused it asks nothing, and started again it asks at once", async () => {
  const clock = new Clock();
  let asked = 0;
  const poll = new Poll<number>(async () => (asked += 1), 2_000, clock);

  poll.start();
  await settled();
  poll.pause();
  assert.equal(clock.waiting, false);
  poll.start();
  await settled();

  assert.equal(asked, 2);
  assert.equal(clock.waiting, true);
});

test("an answer that comes after the end is dropped", async () => {
  let answer: (text: string) => void = () => {};
  const poll = new Poll<string>(
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
    2_000,
    new Clock(),
  );

  poll.start();
  poll.end();
  answer("late");
  await settled();

  assert.equal(poll.state.value.answer, null);
});
