/**
 * Keeps the latest in sight while the reader is there, and never moves who has scrolled away.
 */

const NEAR_PX = 48;
const AT_END_PX = 4;

export class Follower {
  #place;
  #jump;
  #isFollowing = true;
  #lastTop = 0;

  /**
   * @param place the scrolling element
   * @param jump the button that leads back to the end; shown while one is away from it
   */
  constructor(place, jump) {
    this.#place = place;
    this.#jump = jump;
    place.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    jump.addEventListener("click", () => {
      this.follow();
      place.focus({ preventScroll: true });
    });
    new ResizeObserver(() => this.#settle()).observe(place);
  }

  /** Go to the end, and stay there. */
  follow() {
    this.#isFollowing = true;
    this.#settle();
  }

  /** Make a change; what the reader sees stays in place, or the end stays in sight. */
  keep(change) {
    const place = this.#place;
    const anchor = this.#isFollowing ? null : firstInSight(place);
    const before = anchor?.getBoundingClientRect().top;
    change();
    if (anchor?.isConnected) place.scrollTop += anchor.getBoundingClientRect().top - before;
    this.#settle();
  }

  #scrolled() {
    const top = this.#place.scrollTop;
    const left = this.#left();
    if (top < this.#lastTop && left > AT_END_PX) this.#isFollowing = false;
    else if (top > this.#lastTop && left < NEAR_PX) this.#isFollowing = true;
    this.#lastTop = top;
    this.#showJump();
  }

  #settle() {
    if (this.#isFollowing && this.#left() > 0) this.#place.scrollTop = this.#place.scrollHeight;
    this.#lastTop = this.#place.scrollTop;
    this.#showJump();
  }

  #left() {
    const { scrollHeight, scrollTop, clientHeight } = this.#place;
    return scrollHeight - scrollTop - clientHeight;
  }

  #showJump() {
    this.#jump.hidden = this.#isFollowing || this.#left() < NEAR_PX;
  }
}

function firstInSight(place) {
  const top = place.getBoundingClientRect().top;
  return [...place.querySelectorAll(".run")].find(
    (run) => run.getBoundingClientRect().bottom > top,
  );
}
