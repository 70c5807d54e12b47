/**
 * Heartbeats: when to ping a silent server, and when to give the connection up. The more the client
 * expects to hear, the sooner it pings. Times are milliseconds of one clock. Knows no timer and no
 * connection.
 */

/** The longest silence without a ping: on an idle connection, */
const QUIET_MAX_MS = 25_000;
/** during a run, */
const RUN_QUIET_MAX_MS = 5_000;
/** and while a command waits for its response. */
const COMMAND_QUIET_MAX_MS = 2_000;
/** A ping that takes longer is reported as late. */
const SIGN_USUAL_MS = 1_000;
/** A ping that takes longer means that the connection is lost. */
export const SIGN_MAX_MS = 4_000;

export class Liveness {
  /** The deadline for hearing anything. */
  #lostAt = Number.POSITIVE_INFINITY;
  #heardAt = 0;

  heard(now: number): void {
    this.#heardAt = now;
    this.#lostAt = Number.POSITIVE_INFINITY;
  }

  /** Something must be heard before this deadline, or the connection is lost. */
  expect(lostAt: number): void {
    this.#lostAt = Math.min(this.#lostAt, lostAt);
  }

  isLost(now: number): boolean {
    return now >= this.#lostAt;
  }

  /** Whether the response to a ping is late. */
  isLate(now: number): boolean {
    return now >= this.#lostAt - SIGN_MAX_MS + SIGN_USUAL_MS;
  }

  /**
   * Whether to ping now.
   *
   * @param askedAt when the oldest unanswered command was sent; 0 for none
   */
  isToBeAsked(now: number, askedAt: number, isInRun: boolean): boolean {
    const maxMs = askedAt ? COMMAND_QUIET_MAX_MS : isInRun ? RUN_QUIET_MAX_MS : QUIET_MAX_MS;
    const isAsked = this.#lostAt < Number.POSITIVE_INFINITY;
    return !isAsked && now - Math.max(this.#heardAt, askedAt) >= maxMs;
  }
}
