"""Notices when the event loop is blocked, and logs by what.

The loop beats; a separate thread watches the beats, because a blocked loop cannot watch itself.
When beats stop, the thread logs the stack of the loop's thread once per hold, innermost frame
first: file names, functions and source lines, no values. The loop itself measures how long it was
held.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import sysconfig
import threading
import time
from collections.abc import Sequence
from itertools import takewhile
from pathlib import PurePath
from traceback import FrameSummary, extract_stack
from typing import NamedTuple

from ..metrics import Metrics

__all__ = ["NO_HOLD", "Hold", "Watchdog"]

log = logging.getLogger(__name__)

_BEAT_EVERY_S = 0.1
_HELD_MIN_S = 0.05
_FRAMES_MAX = 40
_ASYNCIO = asyncio.__path__[0]
_OF_OTHERS = tuple(sysconfig.get_paths()[one] for one in ("stdlib", "purelib", "platlib"))


class Hold(NamedTuple):
    """A time in which the loop was held.

    Attributes:
        held_s: for how long, in seconds.
        place: by what, as `file.py:10 in function`; None if it was too short to be looked at.
    """

    held_s: float
    place: str | None


NO_HOLD = Hold(0.0, None)


class Watchdog:
    """Watches the loop that it was started on.

    Args:
        metrics: `loop_blocked_seconds` observes every hold longer than 0.05 s.
        blocked_s: a hold of at least this many seconds is logged with its stack; above 0.1.

    The caller calls `start` on the loop and `stop` when done. This module reads real time, because
    real time is what a hold costs.
    """

    def __init__(self, metrics: Metrics, *, blocked_s: float = 1.0) -> None:
        self._metrics = metrics
        self._blocked_s = blocked_s
        self._beat_at = 0.0
        self._longest = NO_HOLD
        self._seen: tuple[float, str | None] = (0.0, None)  # a hold's last beat, and its place
        self._next_beat: asyncio.TimerHandle | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to beat on the running loop, and to watch; call it once."""
        self._beat_at = time.monotonic()
        self._next_beat = asyncio.get_running_loop().call_later(_BEAT_EVERY_S, self.beat)
        self._thread = threading.Thread(
            target=self._watch,
            args=(threading.get_ident(),),
            name="threadcast-watchdog",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """End the beats and the thread; idempotent."""
        if self._next_beat is not None:
            self._next_beat.cancel()
            self._next_beat = None
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def beat(self) -> None:
        """One turn of the loop: measure how late this beat is, and schedule the next."""
        now = time.monotonic()
        held_s = now - self._beat_at - _BEAT_EVERY_S
        if held_s > self._longest.held_s:
            seen_at, place = self._seen
            self._longest = Hold(held_s, place if seen_at == self._beat_at else None)
        self._beat_at = now
        if held_s > _HELD_MIN_S:
            self._metrics.loop_blocked_seconds.observe(held_s)
        if self._next_beat is not None:
            self._next_beat.cancel()
            self._next_beat = asyncio.get_running_loop().call_later(_BEAT_EVERY_S, self.beat)

    def take_longest(self) -> Hold:
        """The longest hold of the loop since the last call."""
        longest, self._longest = self._longest, NO_HOLD
        return longest

    def _watch(self, watched: int) -> None:
        reported_beat = -1.0
        while not self._stop.wait(min(self._blocked_s / 4, _BEAT_EVERY_S)):
            beat_at = self._beat_at
            held_s = time.monotonic() - beat_at - _BEAT_EVERY_S
            if held_s >= self._blocked_s and beat_at != reported_beat:
                reported_beat = beat_at
                frames = _frames_of(watched)
                self._seen = beat_at, _place_of(frames)
                _report(held_s, frames)


def _frames_of(thread_id: int) -> Sequence[FrameSummary]:
    """The thread's frames, innermost first."""
    frame = sys._current_frames().get(thread_id)
    return () if frame is None else extract_stack(frame, limit=_FRAMES_MAX)[::-1]


def _place_of(frames: Sequence[FrameSummary]) -> str | None:
    """The innermost frame of the program's own code; of any code if there is none."""
    of_task = takewhile(lambda frame: not frame.filename.startswith(_ASYNCIO), frames)
    own = [frame for frame in of_task if not frame.filename.startswith(_OF_OTHERS)]
    return next((_named(frame) for frame in (*own, *frames)), None)


def _named(frame: FrameSummary) -> str:
    return f"{PurePath(frame.filename).name}:{frame.lineno} in {frame.name}"


def _report(held_s: float, frames: Sequence[FrameSummary]) -> None:
    """Log one record, whose stack handlers write as they write that of an exception."""
    stack = "\n".join(f"{one.filename}:{one.lineno} in {one.name}: {one.line}" for one in frames)
    record = log.makeRecord(
        *(log.name, logging.ERROR, __file__, 0),
        "the event loop has been held for %.1f s by %s",
        (held_s, _place_of(frames)),
        exc_info=None,
        sinfo=stack,
    )
    log.handle(record)
