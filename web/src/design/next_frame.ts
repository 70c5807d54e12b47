/** Work for what is on screen, in the next frame that is drawn. */

/** So late at the latest, for a page that is out of sight draws no frames. */
const LATE_MAX_MS = 250;

/** @returns takes it back, if it is not done yet */
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
