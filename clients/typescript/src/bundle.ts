/**
 * Texts that come close together, given on as one: a page that is woken a thousand times a second
 * could do little else. The first after a quiet time goes at once.
 */
const HELD_MS = 16;
const HELD_MAX_CHARACTERS = 65_536;

export class Bundle {
  #post: (text: string) => void;
  #held = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param post is given texts with one or more lines */
  constructor(post: (text: string) => void) {
    this.#post = post;
  }

  /** Give a text on, now or within 16 ms; an empty one is a sign of life. */
  say(text: string): void {
    this.#held += `${text}\n`;
    if (!this.#timer || this.#held.length > HELD_MAX_CHARACTERS) this.flush();
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#held) this.say("");
    }, HELD_MS);
  }

  /** Give on at once what is held. */
  flush(): void {
    if (this.#held) this.#post(this.#held);
    this.#held = "";
  }
}
