/** What can go wrong, in one shape. */

/**
 * A request or a command that failed.
 *
 * `code` is a row of the server's error table, or one of the client's own: `unreachable` (no answer
 * came; whether it was done is not known), `signed_out`, `discarded` (taken out of the outbox).
 */
export class ThreadcastError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly retryAfterMs: number;

  constructor(
    code: string,
    message: string = code,
    {
      retryable = false,
      retry_after_ms = 0,
    }: { retryable?: boolean; retry_after_ms?: number } = {},
  ) {
    super(message);
    this.code = code;
    this.retryable = retryable;
    this.retryAfterMs = retry_after_ms;
  }
}

export const unreachable = (): ThreadcastError =>
  new ThreadcastError("unreachable", "The server cannot be reached.", { retryable: true });
