/**
 * Asks the same question again and again: one at a time, not while nobody looks, more slowly while
 * the server does not answer. What came last stays until something newer comes.
 */
import { signal } from "@preact/signals";
import { ThreadcastError } from "@threadcast/client/request";

const SLOWEST_MS = 5_000;

/** What a poll needs of its surroundings. */
export interface Surroundings {
  /** Milliseconds that never go backward. */
  now(): number;
  /** Call once later; the answer takes it back. */
  later(work: () => void, ms: number): () => void;
}

/** How a poll stands. Times are those of `Surroundings.now`. */
export interface Standing<Answer> {
  readonly answer: Answer | null;
  readonly answeredAt: number | null;
  /** What the last try came to, when it failed. */
  readonly problem: ThreadcastError | null;
  /** Whether it rests because nobody looks. */
  readonly isPaused: boolean;
}

/** One question; `ask` is given the answer before. */
export class Poll<Answer> {
  readonly standing = signal<Standing<Answer>>({
    answer: null,
    answeredAt: null,
    problem: null,
    isPaused: false,
  });
  readonly #ask: (before: Answer | null) => Promise<Answer>;
  readonly #everyMs: number;
  readonly #around: Surroundings;
  #failures = 0;
  #isAsking = false;
  #hasEnded = false;
  #cancel: () => void = () => {};

  constructor(
    ask: (before: Answer | null) => Promise<Answer>,
    everyMs: number,
    around: Surroundings,
  ) {
    this.#ask = ask;
    this.#everyMs = everyMs;
    this.#around = around;
  }

  /** Ask now, and from now on. */
  start(): void {
    this.#set({ isPaused: false });
    this.#cancel();
    void this.#turn();
  }

  /** Rest until `start`. */
  pause(): void {
    this.#cancel();
    this.#set({ isPaused: true });
  }

  /** Never ask again; an answer that is on its way is dropped. */
  end(): void {
    this.#hasEnded = true;
    this.#cancel();
  }

  async #turn(): Promise<void> {
    if (this.#isAsking || this.#hasEnded) return;
    this.#isAsking = true;
    const askedAt = this.#around.now();
    try {
      const answer = await this.#ask(this.standing.peek().answer);
      this.#failures = 0;
      if (!this.#hasEnded) this.#set({ answer, answeredAt: this.#around.now(), problem: null });
    } catch (problem) {
      if (!(problem instanceof ThreadcastError)) throw problem;
      this.#failures += 1;
      if (!this.#hasEnded) this.#set({ problem });
    } finally {
      this.#isAsking = false;
    }
    if (!this.#hasEnded && !this.standing.peek().isPaused) this.#plan(askedAt);
  }

  /** A question that failed late has slowed the pace by itself. */
  #plan(askedAt: number): void {
    const asked = this.standing.peek().problem?.retryAfterMs ?? 0;
    const slowed = Math.min(this.#everyMs * 2 ** this.#failures, SLOWEST_MS);
    const waited = this.#failures === 0 ? 0 : this.#around.now() - askedAt;
    this.#cancel = this.#around.later(() => void this.#turn(), Math.max(asked, slowed - waited, 0));
  }

  #set(change: Partial<Standing<Answer>>): void {
    this.standing.value = { ...this.standing.peek(), ...change };
  }
}
