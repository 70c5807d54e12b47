/** The one error class of the client. */

interface Details {
  status?: number;
  retryable?: boolean;
  retry_after_ms?: number | null;
}

/**
 * A request or a command that failed; `message` can be shown to people.
 *
 * `code` is one of the server's error codes, or one of the client's own: `unreachable` (no response;
 * the outcome is unknown), `signed_out` (there is no token), `stopped` and `closed` (the client has
 * ended), `identity_change` (the token is another user's), `discarded`, `outbox_full`, `slow_reader`.
 */
export class ThreadcastError extends Error {
  declare readonly code: string;
  /** The HTTP status; 401 if another token is needed, 0 if there was no HTTP response. */
  declare readonly status: number;
  /** Whether the same request may succeed later. */
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

export const NO_ANSWER = "The server is not responding.";

export const unreachable = (): ThreadcastError =>
  new ThreadcastError("unreachable", NO_ANSWER, { retryable: true });
