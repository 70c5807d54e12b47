/** How long to wait before the next reconnect or retry. */

const FIRST_MS = 500;
const MAX_MS = 15_000;
const RETRY_AFTER_MAX_MS = 300_000;

/**
 * Exponential backoff. The jitter comes on top of the server's `retry_after_ms`, so that clients
 * with the same `retry_after_ms` do not come back in one wave.
 *
 * @param attempt how many attempts have failed so far
 */
export const backoffMs = (attempt: number, retryAfterMs: number): number =>
  Math.min(RETRY_AFTER_MAX_MS, retryAfterMs) +
  Math.min(MAX_MS, FIRST_MS * 2 ** attempt) * (0.5 + Math.random() / 2);
