/** Work for what is on screen: at most once in a frame that is drawn. */

/** So late at the latest, for a page that is out of sight draws no frames. */
const LATE_MAX_MS = 250;

/** @returns asks for the work; what is asked for until the next frame is done there, in one go */
export function inFrames(work: () => void): () => void {
  let frame: number | null = null;
  let timer: ReturnType<typeof setTimeout>;
  const act = () => {
    if (frame !== null) cancelAnimationFrame(frame);
    frame = null;
    clearTimeout(timer);
    work();
  };
  return () => {
    if (frame !== null) return;
    frame = requestAnimationFrame(act);
    timer = setTimeout(act, LATE_MAX_MS);
  };
}
