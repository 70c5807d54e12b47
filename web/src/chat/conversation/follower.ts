/**
 * Keeps the latest in sight while the reader is there, and never moves who has scrolled away.
 *
 * Where one reads is known as an element and its distance from the upper edge, never as an offset,
 * so that it holds whatever is added, removed or measured above. It knows elements by `data-key`.
 */
import { signal } from "@preact/signals";

const NEAR_PX = 48;
const AT_END_PX = 4;

interface Anchor {
  readonly key: string;
  readonly top: number;
}

export class Follower {
  /** Whether the end is out of sight, so that a way to it should be offered. */
  readonly isAway = signal(false);
  readonly #place: HTMLElement;
  #isFollowing = true;
  #anchor: Anchor | null = null;
  #lastTop = 0;

  /** @param place the scrolling element */
  constructor(place: HTMLElement) {
    this.#place = place;
  }

  get isFollowing(): boolean {
    return this.#isFollowing;
  }

  /**
   * Where one is, as an offset into the list.
   *
   * @param startOf where the element of a key begins; null where there is none
   */
  topIn(startOf: (key: string) => number | null): number {
    if (this.#isFollowing) return Number.POSITIVE_INFINITY;
    const start = this.#anchor === null ? null : startOf(this.#anchor.key);
    if (start === null || this.#anchor === null) return this.#place.scrollTop;
    return start - this.#anchor.top;
  }

  /** The key of the first element in sight. */
  get firstKey(): string | null {
    return this.#firstInSight()?.key ?? null;
  }

  /** Go to the end, and stay there. */
  follow() {
    this.#isFollowing = true;
    this.keep();
  }

  /** Do not follow: one wants to see this element, and what comes must not move it. */
  hold(element: HTMLElement) {
    this.#isFollowing = false;
    this.#anchor = this.#anchorAt(element);
  }

  /** Call whenever the place was scrolled. */
  scrolled() {
    const top = this.#place.scrollTop;
    const left = this.#left();
    if (top < this.#lastTop && left > AT_END_PX) this.#isFollowing = false;
    else if (top > this.#lastTop && left < NEAR_PX) this.#isFollowing = true;
    this.#lastTop = top;
    this.#anchor = this.#firstInSight();
    this.#tell();
  }

  /** Call whenever something was added or has another size, before it is painted. */
  keep() {
    if (this.#isFollowing) {
      if (this.#left() > 0) this.#place.scrollTop = this.#place.scrollHeight;
    } else this.#restore();
    this.#lastTop = this.#place.scrollTop;
    this.#tell();
  }

  #restore() {
    const element = this.#anchor === null ? null : findItem(this.#place, this.#anchor.key);
    if (element === null || this.#anchor === null) {
      this.#anchor = this.#firstInSight();
      return;
    }
    const moved = this.#topOf(element) - this.#anchor.top;
    if (Math.abs(moved) >= 1) this.#place.scrollTop += moved;
  }

  #tell() {
    this.isAway.value = !this.#isFollowing && this.#left() >= NEAR_PX;
  }

  #left(): number {
    const { scrollHeight, scrollTop, clientHeight } = this.#place;
    return scrollHeight - scrollTop - clientHeight;
  }

  #firstInSight(): Anchor | null {
    const top = this.#place.getBoundingClientRect().top;
    const items = this.#place.querySelectorAll<HTMLElement>("[data-key]");
    const first = [...items].find((item) => item.getBoundingClientRect().bottom > top);
    return first === undefined ? null : this.#anchorAt(first);
  }

  #anchorAt(element: HTMLElement): Anchor | null {
    const { key } = element.dataset;
    return key === undefined ? null : { key, top: this.#topOf(element) };
  }

  #topOf(element: HTMLElement): number {
    return element.getBoundingClientRect().top - this.#place.getBoundingClientRect().top;
  }
}

export function findItem(place: HTMLElement | null, key: string): HTMLElement | null {
  return place?.querySelector(`[data-key="${CSS.escape(key)}"]`) ?? null;
}

/** The key of the item that this is in, or null. */
export function keyOf(node: Node): string | null {
  const element = node instanceof Element ? node : node.parentElement;
  return element?.closest<HTMLElement>("[data-key]")?.dataset.key ?? null;
}
