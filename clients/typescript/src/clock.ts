/**
 * A clock that is never set back. It is made of the wall's and not `performance.now()`, which stands
 * still in some browsers while the computer sleeps: after that, a connection is to be asked at once.
 */

let latest = 0;
let behind = 0;

/** Milliseconds since some moment: only to be compared with one another. */
export const steadyMs = (): number => {
  behind = Math.max(behind, latest - Date.now());
  latest = Date.now() + behind;
  return latest;
};
