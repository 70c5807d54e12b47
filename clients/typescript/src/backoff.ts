/** How long to wait before the next attempt. */

const FIRST_MS = 500;
const MAX_MS = 15_000;
const RETRY_AFTER_MAX_MS = 300_000;

/**
 * Exponential, with jitter on top of what the server asked for, so that clients that were told the
 * same do not come back together.
 *
 * @param attempt how many attempts failed before
 */
export const backoffMs = (attempt: number, retryAfterMs: number): number =>
  Math.min(RETRY_AFTER_MAX_MS, retryAfterMs) +
  Math.min(MAX_MS, FIRST_MS * 2 ** attempt) * (0.5 + Math.random() / 2);
