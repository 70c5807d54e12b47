"""What a reader's browser does: scroll 5,000 messages, and show an answer of 200 KB as it comes.

In Chromium, with the built pages and a real server. Times of the main thread are processor time and
hold on a busy machine; times between frames do not.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import CDPSession, expect

from conversation_scene import SECRET, Writer, completed
from page_agents import PROSE
from page_browser import MISSING, Screen, find_browser, launched
from page_server import serving

from .cores import every_core

RUNS = 2_500
PAGES_MAX = 400
FRAMES = 240
CHARACTERS = 200_000
PER_SECOND = 1_000
_STEP_PX = 120
_LEAP_PX = 2_500
_ANSWER_MAX_MS = 180_000
_FRAME_MS = 1_000 / 60


@dataclass(frozen=True)
class Shown:
    """The results.

    Attributes:
        frame_ms: the times between frames, in milliseconds.
        busy_ms: processor time of the main thread per frame, in milliseconds.
    """

    frame_ms: list[float]
    busy_ms: float

    @property
    def late_percent(self) -> float:
        """The share of frames that were more than half a frame late, in percent."""
        late = [time for time in self.frame_ms if time > 1.5 * _FRAME_MS]
        return 100 * len(late) / len(self.frame_ms)


async def scrolling() -> tuple[Shown, Shown]:
    """Scroll a thread of 5,000 messages: by wheel steps, then by jumps of three screens."""
    async with _screen() as screen:
        writer = Writer(screen.url, "reader")
        text = PROSE.split("\n\n")
        answers = ["\n\n".join(text[: 1 + at % len(text)]) for at in range(RUNS)]
        await writer.runs([(f"Question {at}", [completed(a)]) for at, a in enumerate(answers)])
        await screen.sign_in("reader")
        await screen.page.goto(f"{screen.url}#{writer.thread_id}")
        await expect(screen.runs.last).to_be_attached()
        await _read_all(screen)
        steps = await _measured(screen, _SCROLL, [_STEP_PX, FRAMES])
        leaps = await _measured(screen, _SCROLL, [_LEAP_PX, FRAMES])
        return steps, leaps


async def growing() -> Shown:
    """Show a Markdown answer of 200 KB that arrives in 1,000 deltas per second."""
    async with _screen() as screen:
        await screen.sign_in("reader")
        await screen.say(f"{PER_SECOND} {CHARACTERS}")
        return await _measured(screen, _WAIT, _ANSWER_MAX_MS)


@asynccontextmanager
async def _screen() -> AsyncIterator[Screen]:
    path = find_browser()
    if path is None:
        raise SystemExit(MISSING)
    settings = {"AGENTS": "page_agents:prose", "JWT_SECRET": SECRET}
    with every_core(), tempfile.TemporaryDirectory(prefix="threadcast-bench-") as folder:
        async with serving(Path(folder), **settings) as server, launched(path) as browser:
            yield Screen(
                await browser.new_page(viewport={"width": 1280, "height": 900}), server.url
            )


async def _read_all(screen: Screen) -> None:
    """Scroll to the beginning until nothing earlier is left."""
    for _page in range(PAGES_MAX):
        await screen.page.evaluate(_TO_THE_BEGINNING)
        if await screen.page.get_by_text("Question 0", exact=True).count():
            return
    raise AssertionError(f"the beginning did not come within {PAGES_MAX} pages")


async def _measured(screen: Screen, work: str, argument: Any) -> Shown:
    session = await screen.page.context.new_cdp_session(screen.page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = await _busy_s(session)
    frame_ms = await screen.page.evaluate(f"{_WATCHED}({work})", argument)
    busy_s = await _busy_s(session) - before
    return Shown(frame_ms, 1_000 * busy_s / len(frame_ms))


async def _busy_s(session: CDPSession) -> float:
    metrics = (await session.send("Performance.getMetrics"))["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


# Does some work, and returns the times between the frames meanwhile.
_WATCHED = """((work) => async (argument) => {
  const times = [];
  let last = null;
  let handle = requestAnimationFrame(function tick(now) {
    if (last !== null) times.push(now - last);
    last = now;
    handle = requestAnimationFrame(tick);
  });
  await work(argument);
  cancelAnimationFrame(handle);
  return times;
})"""
_SCROLL = """([pixels, frames]) => new Promise((done) => {
  const place = document.querySelector(".scroller");
  place.scrollTop = place.scrollHeight / 2;
  let left = frames;
  requestAnimationFrame(function step() {
    place.scrollTop += pixels;
    left -= 1;
    if (left > 0) requestAnimationFrame(step);
    else done();
  });
})"""
_WAIT = """(most) => new Promise((done, fail) => {
  setTimeout(() => fail(new Error("the answer did not end")), most);
  const look = () => {
    if (document.querySelector("article.run[data-status=completed]")) done();
    else setTimeout(look, 100);
  };
  look();
})"""
_TO_THE_BEGINNING = """() => new Promise((done) => {
  const place = document.querySelector(".scroller");
  place.scrollTop = 0;
  setTimeout(done, 50);
})"""
