/** Work that is due soon: after a quiet time at once, else at most once in a frame. */

import { steadyMs } from "./clock.ts";

const FRAME_MS = 16;

export class Frames {
  #work: () => void;
  #doneAt = 0;
  #isDue = false;

  constructor(work: () => void) {
    this.#work = work;
  }

  /** It is due. */
  soon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    const waitMs = this.#doneAt + FRAME_MS - steadyMs();
    if (waitMs > 0) setTimeout(() => this.now(), waitMs);
    else queueMicrotask(() => this.now());
  }

  /** Do it. */
  now(): void {
    this.#isDue = false;
    this.#doneAt = steadyMs();
    this.#work();
  }
}
