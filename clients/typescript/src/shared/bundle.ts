/**
 * Coalesces texts that come close together into one: a page that is woken a thousand times a second
 * gets little else done. The first text after a pause is passed on at once.
 */
const HELD_MS = 16;
const HELD_MAX_CHARACTERS = 65_536;

export class Bundle {
  #post: (text: string) => void;
  #held = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param post called with one or more lines of text */
  constructor(post: (text: string) => void) {
    this.#post = post;
  }

  /** Pass a text on, now or within 16 ms. An empty one is a heartbeat. */
  say(text: string): void {
    this.#held += `${text}\n`;
    if (!this.#timer || this.#held.length > HELD_MAX_CHARACTERS) this.flush();
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#held) this.say("");
    }, HELD_MS);
  }

  /** Pass on what is held, now. */
  flush(): void {
    if (this.#held) this.#post(this.#held);
    this.#held = "";
  }
}
