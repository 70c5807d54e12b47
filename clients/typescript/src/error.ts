/** What can go wrong, in one shape. */

interface Details {
  status?: number;
  retryable?: boolean;
  retry_after_ms?: number;
}

/**
 * A request or a command that failed; `message` can be shown to people.
 *
 * `code` is a row of the server's error table, or one of the client's own: `unreachable` (no answer
 * came; whether it was done is not known), `signed_out` (there is no token), `stopped` and `closed`
 * (the client has ended), `identity_change` (there is a token of another user), `discarded`,
 * `outbox_full`, `slow_reader`.
 */
export class ThreadcastError extends Error {
  declare readonly code: string;
  /** Of the HTTP answer; 401 when another token is needed, 0 where there was none. */
  declare readonly status: number;
  /** Whether the same may succeed later. */
  declare readonly retryable: boolean;
  declare readonly retryAfterMs: number;

  constructor(code: string, message: string = code, details: Details = {}) {
    super(message);
    this.code = code;
    this.status = details.status ?? 0;
    this.retryable = details.retryable ?? false;
    this.retryAfterMs = details.retry_after_ms ?? 0;
  }
}

export const NO_ANSWER = "The server does not answer.";

export const unreachable = (): ThreadcastError =>
  new ThreadcastError("unreachable", NO_ANSWER, { retryable: true });
