/**
 * Sticks to the bottom while the reader is there, and anchors the scroll position elsewhere.
 *
 * While an open question comes last, its beginning counts as the bottom: it may be higher than the
 * viewport, and is read and filled in from the top.
 *
 * The anchor is an element and its distance from the upper edge, never a scroll offset, so that it
 * holds whatever is added, removed or measured above. Elements are found by `data-key`.
 */
import { signal } from "@preact/signals";

const NEAR_PX = 48;
const AT_END_PX = 4;
/** What is kept free above a question. */
const MARGIN_PX = 16;

interface Anchor {
  readonly key: string;
  readonly top: number;
}

export class Follower {
  /** Whether to offer "Jump to latest". */
  readonly isAway = signal(false);
  readonly #scroller: HTMLElement;
  #isFollowing = true;
  #anchor: Anchor | null = null;
  #lastTop = 0;

  /** @param scroller the scrolling element */
  constructor(scroller: HTMLElement) {
    this.#scroller = scroller;
  }

  get isFollowing(): boolean {
    return this.#isFollowing;
  }

  /**
   * The scroll offset in the list.
   *
   * @param startOf the offset of a key's item; null if there is no such item
   */
  topIn(startOf: (key: string) => number | null): number {
    if (this.#isFollowing) return Number.POSITIVE_INFINITY;
    const start = this.#anchor === null ? null : startOf(this.#anchor.key);
    if (start === null || this.#anchor === null) return this.#scroller.scrollTop;
    return start - this.#anchor.top;
  }

  /** The key of the first visible element. */
  get firstKey(): string | null {
    return this.#firstInSight()?.key ?? null;
  }

  /** Scroll to the bottom, and stick to it. */
  follow() {
    this.#isFollowing = true;
    // Whatever has scrolled before this does not count.
    this.#lastTop = this.#scroller.scrollTop;
    this.keep();
  }

  /** Stop following, and anchor this element. */
  hold(element: HTMLElement) {
    this.#isFollowing = false;
    this.#anchor = this.#anchorAt(element);
  }

  /** Call on every scroll event. */
  scrolled() {
    const top = this.#scroller.scrollTop;
    const left = this.#left();
    if (top < this.#lastTop && left > AT_END_PX) this.#isFollowing = false;
    else if (top > this.#lastTop && left < NEAR_PX) this.#isFollowing = true;
    this.#lastTop = top;
    this.#anchor = this.#firstInSight();
    this.#tell();
  }

  /** Call when the content or the viewport has changed its size, before painting. */
  keep() {
    // Focus or a script may have scrolled; that event comes only after this.
    if (this.#scroller.scrollTop !== this.#lastTop && this.#left() > AT_END_PX) this.scrolled();
    if (this.#isFollowing) this.#goDown();
    else this.#restore();
    this.#lastTop = this.#scroller.scrollTop;
    this.#tell();
  }

  /** Never upwards: the reader may be further down in the question. */
  #goDown() {
    const { scrollTop, scrollHeight } = this.#scroller;
    const end = Math.min(scrollHeight, this.#startOfQuestion());
    if (end > scrollTop && this.#left() > 0) this.#scroller.scrollTop = end;
  }

  /** The scroll offset of the open question in the last item. */
  #startOfQuestion(): number {
    const last = [...this.#scroller.querySelectorAll<HTMLElement>("[data-key]")].at(-1);
    const question = last?.querySelector<HTMLElement>('.question[data-status="open"]');
    if (!question) return Number.POSITIVE_INFINITY;
    return this.#scroller.scrollTop + this.#topOf(question) - MARGIN_PX;
  }

  #restore() {
    const element = this.#anchor === null ? null : findItem(this.#scroller, this.#anchor.key);
    if (element === null || this.#anchor === null) {
      this.#anchor = this.#firstInSight();
      return;
    }
    const moved = this.#topOf(element) - this.#anchor.top;
    if (Math.abs(moved) >= 1) this.#scroller.scrollTop += moved;
  }

  #tell() {
    this.isAway.value = !this.#isFollowing && this.#left() >= NEAR_PX;
  }

  #left(): number {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  #firstInSight(): Anchor | null {
    const top = this.#scroller.getBoundingClientRect().top;
    const items = this.#scroller.querySelectorAll<HTMLElement>("[data-key]");
    const first = [...items].find((item) => item.getBoundingClientRect().bottom > top);
    return first === undefined ? null : this.#anchorAt(first);
  }

  #anchorAt(element: HTMLElement): Anchor | null {
    const { key } = element.dataset;
    return key === undefined ? null : { key, top: this.#topOf(element) };
  }

  #topOf(element: HTMLElement): number {
    return element.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top;
  }
}

export function findItem(scroller: HTMLElement | null, key: string): HTMLElement | null {
  return scroller?.querySelector(`[data-key="${CSS.escape(key)}"]`) ?? null;
}

/** The key of the item that contains this node, or null. */
export function keyOf(node: Node): string | null {
  const element = node instanceof Element ? node : node.parentElement;
  return element?.closest<HTMLElement>("[data-key]")?.dataset.key ?? null;
}
