/**
 * A monotonic clock. It is derived from `Date.now()`, because `performance.now()` stops in some
 * browsers while the computer sleeps, and a connection must be checked at once after a sleep.
 */

let latest = 0;
let behind = 0;

/** Milliseconds since an arbitrary moment: only differences mean anything. */
export const steadyMs = (): number => {
  behind = Math.max(behind, latest - Date.now());
  latest = Date.now() + behind;
  return latest;
};
