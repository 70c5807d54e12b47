/**
 * Runs regular expressions without the risk of catastrophic backtracking. Pure.
 *
 * Patterns come from agents, and a running one cannot be interrupted. So the number of paths through
 * the pattern is bounded first, and it runs only if that is small for the length of the text. What
 * is not run here is left to the agent to validate.
 */

const STEPS_MAX = 5_000_000;
const PATTERN_MAX_CHARACTERS = 1_000;

const ATOM =
  /\\(?:[pPu]\{[^}]*\}|u[\da-f]{4}|x[\da-f]{2}|c[a-z]|[^1-9k])|\[(?:\\.|[^\]\\])*\]|[^\\[()|*+?{}]/iuy;
const OPENS = /\((?:\?(?::|<(?![=!])[^>]*>))?(?!\?)/y;
const REPEATS = /(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/y;

/** Whether the text matches; null if that could take too long or the pattern is not understood. */
export function fits(pattern: string, text: string): boolean | null {
  if (pattern.length > PATTERN_MAX_CHARACTERS) return null;
  const places = text.length + 1;
  const ways = new Counter(pattern, places).whole();
  const starts = /^\^[^|]*$/.test(pattern) ? 1 : places;
  if (!(ways * places * starts <= STEPS_MAX)) return null;
  try {
    return new RegExp(pattern, "u").test(text);
  } catch {
    return null;
  }
}

/** Bounds the number of paths through a pattern; NaN if it is not understood. */
class Counter {
  readonly #pattern: string;
  readonly #repeatsMax: number;
  #at = 0;

  constructor(pattern: string, repeatsMax: number) {
    this.#pattern = pattern;
    this.#repeatsMax = repeatsMax;
  }

  whole(): number {
    const ways = this.#choice();
    return this.#at === this.#pattern.length ? ways : Number.NaN;
  }

  #choice(): number {
    let ways = this.#sequence();
    while (this.#take(/\|/y) !== null) ways += this.#sequence();
    return ways;
  }

  #sequence(): number {
    let ways = 1;
    for (let one = this.#atom(); one !== null; one = this.#atom()) ways *= this.#repeated(one);
    return ways;
  }

  /** The paths through one atom; null if none begins here. */
  #atom(): number | null {
    if (this.#take(ATOM) !== null) return 1;
    if (this.#take(OPENS) === null) return null;
    const ways = this.#choice();
    return this.#take(/\)/y) === null ? Number.NaN : ways;
  }

  #repeated(ways: number): number {
    const [, sign, least, comma, most] = this.#take(REPEATS) ?? [];
    if (sign === "?") return 1 + ways;
    if (sign !== undefined) return this.#times(ways, 0, this.#repeatsMax);
    if (least === undefined) return ways;
    const upTo = comma === "" ? Number(least) : Number(most || this.#repeatsMax);
    return this.#times(ways, Number(least), upTo);
  }

  #times(ways: number, least: number, most: number): number {
    const upTo = Math.max(least, Math.min(most, this.#repeatsMax));
    if (ways === 1) return upTo - least + 1;
    let sum = 0;
    for (let count = least; count <= upTo && sum <= STEPS_MAX; count += 1) sum += ways ** count;
    return sum;
  }

  #take(what: RegExp): RegExpExecArray | null {
    what.lastIndex = this.#at;
    const found = what.exec(this.#pattern);
    if (found !== null) this.#at = what.lastIndex;
    return found;
  }
}
