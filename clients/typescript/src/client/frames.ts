/** Throttles work to once per frame; the first call after a pause runs at once. */

import { steadyMs } from "../clock.ts";

const FRAME_MS = 16;

export interface Frames {
  /** Run within a frame. */
  soon(): void;
  /** Run now. */
  now(): void;
}

export function framesOf(work: () => void): Frames {
  let doneAt = 0;
  let isDue = false;
  const now = () => {
    isDue = false;
    doneAt = steadyMs();
    work();
  };
  const soon = () => {
    if (isDue) return;
    isDue = true;
    const waitMs = doneAt + FRAME_MS - steadyMs();
    if (waitMs > 0) setTimeout(now, waitMs);
    else queueMicrotask(now);
  };
  return { soon, now };
}
