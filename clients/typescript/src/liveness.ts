/**
 * When a server is asked for a sign of life, and when it is given up: the sooner, the more is
 * expected of it. Times are milliseconds of one clock. Knows no timer and no connection.
 */

/** So long may nothing come, */
const QUIET_MAX_MS = 25_000;
/** while a run goes on, */
const RUN_QUIET_MAX_MS = 5_000;
/** and while a command waits for its answer. */
const COMMAND_QUIET_MAX_MS = 2_000;
/** A sign of life that takes longer is worth a word. */
const SIGN_USUAL_MS = 1_000;
/** So long may a sign of life take that was asked for. */
export const SIGN_MAX_MS = 4_000;

export class Liveness {
  /** When it is lost, if nothing is heard until then. */
  #lostAt = Number.POSITIVE_INFINITY;
  #heardAt = 0;

  heard(now: number): void {
    this.#heardAt = now;
    this.#lostAt = Number.POSITIVE_INFINITY;
  }

  /** Something must be heard until then. */
  expect(lostAt: number): void {
    this.#lostAt = Math.min(this.#lostAt, lostAt);
  }

  isLost(now: number): boolean {
    return now >= this.#lostAt;
  }

  /** Whether a sign of life that was asked for is late. */
  isLate(now: number): boolean {
    return now >= this.#lostAt - SIGN_MAX_MS + SIGN_USUAL_MS;
  }

  /**
   * Whether to ask for a sign of life now.
   *
   * @param askedAt when the oldest command that waits for its answer was sent; 0 for none
   */
  isToBeAsked(now: number, askedAt: number, isInRun: boolean): boolean {
    const maxMs = askedAt ? COMMAND_QUIET_MAX_MS : isInRun ? RUN_QUIET_MAX_MS : QUIET_MAX_MS;
    const isAsked = this.#lostAt < Number.POSITIVE_INFINITY;
    return !isAsked && now - Math.max(this.#heardAt, askedAt) >= maxMs;
  }
}
