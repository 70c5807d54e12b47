/** `requestAnimationFrame` that also runs in hidden pages, which draw no frames. */

const LATE_MAX_MS = 250;

/** @returns a function that cancels it */
export function inNextFrame(work: () => void): () => void {
  const act = () => {
    cancel();
    work();
  };
  const frame = requestAnimationFrame(act);
  const timer = setTimeout(act, LATE_MAX_MS);
  const cancel = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
  return cancel;
}
