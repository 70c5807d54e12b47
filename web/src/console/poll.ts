/**
 * Polls: one request at a time, paused while the page is hidden, with back-off while requests fail.
 * The last answer stays until there is a newer one.
 */
import { signal } from "@preact/signals";
import { ThreadcastError } from "@threadcast/client/request";

const SLOWEST_MS = 5_000;

/** The clock and timer of a poll. */
export interface Scheduler {
  /** Monotonic milliseconds. */
  now(): number;
  /** Like `setTimeout`; returns a function that cancels it. */
  later(work: () => void, ms: number): () => void;
}

/** The state of a poll. Times are those of `Scheduler.now`. */
export interface PollState<Answer> {
  readonly answer: Answer | null;
  readonly answeredAt: number | null;
  /** Why the last request failed; null if it succeeded. */
  readonly problem: ThreadcastError | null;
  /** Whether it is paused because the page is hidden. */
  readonly isPaused: boolean;
}

/** One poll; `ask` gets the previous answer. */
export class Poll<Answer> {
  readonly state = signal<PollState<Answer>>({
    answer: null,
    answeredAt: null,
    problem: null,
    isPaused: false,
  });
  readonly #ask: (before: Answer | null) => Promise<Answer>;
  readonly #everyMs: number;
  readonly #scheduler: Scheduler;
  #failures = 0;
  #isAsking = false;
  #hasEnded = false;
  #cancel: () => void = () => {};

  constructor(
    ask: (before: Answer | null) => Promise<Answer>,
    everyMs: number,
    scheduler: Scheduler,
  ) {
    this.#ask = ask;
    this.#everyMs = everyMs;
    this.#scheduler = scheduler;
  }

  /** Poll now, and from now on. */
  start(): void {
    this.#set({ isPaused: false });
    this.#cancel();
    void this.#poll();
  }

  /** Pause until `start`. */
  pause(): void {
    this.#cancel();
    this.#set({ isPaused: true });
  }

  /** Stop for good; a pending answer is dropped. */
  end(): void {
    this.#hasEnded = true;
    this.#cancel();
  }

  async #poll(): Promise<void> {
    if (this.#isAsking || this.#hasEnded) return;
    this.#isAsking = true;
    const askedAt = this.#scheduler.now();
    try {
      const answer = await this.#ask(this.state.peek().answer);
      this.#failures = 0;
      if (!this.#hasEnded) this.#set({ answer, answeredAt: this.#scheduler.now(), problem: null });
    } catch (problem) {
      if (!(problem instanceof ThreadcastError)) throw problem;
      this.#failures += 1;
      if (!this.#hasEnded) this.#set({ problem });
    } finally {
      this.#isAsking = false;
    }
    if (!this.#hasEnded && !this.state.peek().isPaused) this.#schedule(askedAt);
  }

  /** The time that a failed request took counts towards the back-off. */
  #schedule(askedAt: number): void {
    const asked = this.state.peek().problem?.retryAfterMs ?? 0;
    const slowed = Math.min(this.#everyMs * 2 ** this.#failures, SLOWEST_MS);
    const waited = this.#failures === 0 ? 0 : this.#scheduler.now() - askedAt;
    this.#cancel = this.#scheduler.later(
      () => void this.#poll(),
      Math.max(asked, slowed - waited, 0),
    );
  }

  #set(change: Partial<PollState<Answer>>): void {
    this.state.value = { ...this.state.peek(), ...change };
  }
}
