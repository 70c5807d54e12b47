/** Where the conversation is scrolled to as it grows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Follower } from "../../src/chat/conversation/follower.ts";

const VIEWPORT_PX = 500;

/** A scroller of one item, as tall as its content. A question may be open in it. */
class Scroller {
  scrollHeight: number;
  question: number | null = null;
  readonly clientHeight = VIEWPORT_PX;
  #top = 0;

  constructor(height: number) {
    this.scrollHeight = height;
  }

  get scrollTop() {
    return Math.min(this.#top, this.scrollHeight - VIEWPORT_PX);
  }

  set scrollTop(top: number) {
    this.#top = Math.max(0, Math.min(top, this.scrollHeight - VIEWPORT_PX));
  }

  getBoundingClientRect = () => ({ top: 0 });

  querySelectorAll = () => [this.#item];

  querySelector = () => this.#item;

  readonly #item = {
    dataset: { key: "r1" },
    getBoundingClientRect: () => ({
      top: -this.scrollTop,
      bottom: this.scrollHeight - this.scrollTop,
    }),
    querySelector: () =>
      this.question === null ? null : { getBoundingClientRect: () => ({ top: this.#questionTop }) },
  };

  get #questionTop() {
    return (this.question ?? 0) - this.scrollTop;
  }
}

(globalThis as { CSS?: unknown }).CSS ??= { escape: (text: string) => text };

function following(height: number) {
  const scroller = new Scroller(height);
  const follower = new Follower(scroller as unknown as HTMLElement);
  follower.keep();
  return { scroller, follower };
}

test("it sticks to the bottom, until the reader scrolls up", () => {
  const { scroller, follower } = following(1_000);
  scroller.scrollHeight = 1_200;
  follower.keep();
  assert.equal(scroller.scrollTop, 700);
  scroller.scrollTop = 300;
  follower.scrolled();
  scroller.scrollHeight = 1_400;
  follower.keep();
  assert.equal(scroller.scrollTop, 300);
  assert.equal(follower.isAway.value, true);
});

test("a question taller than the viewport is shown from its beginning", () => {
  const { scroller, follower } = following(1_000);
  Object.assign(scroller, { scrollHeight: 1_900, question: 1_000 });
  follower.keep();
  assert.equal(scroller.scrollTop, 1_000 - 16);
  assert.equal(follower.isAway.value, false);
  Object.assign(scroller, { scrollHeight: 2_400, question: null });
  follower.keep();
  assert.equal(scroller.scrollTop, 1_900, "once it is answered, the answer is followed");
});

test("a question that fits is shown whole, at the bottom", () => {
  const { scroller, follower } = following(1_000);
  Object.assign(scroller, { scrollHeight: 1_300, question: 1_000 });
  follower.keep();
  assert.equal(scroller.scrollTop, 800);
});

test("a reader further down in a question is not moved", () => {
  const { scroller, follower } = following(1_000);
  Object.assign(scroller, { scrollHeight: 1_900, question: 1_000 });
  follower.keep();
  scroller.scrollTop = 1_400;
  follower.scrolled();
  scroller.scrollHeight = 1_980; // problems of its fields
  follower.keep();
  assert.equal(scroller.scrollTop, 1_400);
});

test("what the focus has scrolled to stays, though its event has not come yet", () => {
  for (const begin of [1_400, 1_200]) {
    const { scroller, follower } = following(1_000);
    Object.assign(scroller, { scrollHeight: 1_900, question: 1_000 });
    scroller.scrollTop = 1_400;
    follower.scrolled();
    scroller.scrollTop = begin; // at the end of the form, or a bit above
    follower.scrolled();
    scroller.scrollTop = 1_050;
    scroller.scrollHeight = 1_980;
    follower.keep();
    assert.equal(scroller.scrollTop, 1_050);
  }
});

test("what scrolled just before it is asked to follow does not count", () => {
  const { scroller, follower } = following(1_000);
  scroller.scrollTop = 100;
  follower.follow();
  assert.equal(scroller.scrollTop, 500);
});
