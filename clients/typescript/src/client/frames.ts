/** Throttles work to once per frame; the first call after a pause runs at once. */

import { steadyMs } from "../clock.ts";

const FRAME_MS = 16;

export class Frames {
  #work: () => void;
  #doneAt = 0;
  #isDue = false;

  constructor(work: () => void) {
    this.#work = work;
  }

  /** Run within a frame. */
  soon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    const waitMs = this.#doneAt + FRAME_MS - steadyMs();
    if (waitMs > 0) setTimeout(() => this.now(), waitMs);
    else queueMicrotask(() => this.now());
  }

  /** Run now. */
  now(): void {
    this.#isDue = false;
    this.#doneAt = steadyMs();
    this.#work();
  }
}
