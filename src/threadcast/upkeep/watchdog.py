"""Notices when the event loop is blocked, and logs by what.

The loop beats; a separate thread watches the beats, because a blocked loop cannot watch itself.
When beats stop, the thread logs the stack of the loop's thread once per hold: file names, functions
and source lines, no values. The loop itself measures how long it was held.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback

from ..metrics import Metrics

__all__ = ["Watchdog"]

log = logging.getLogger(__name__)

_BEAT_EVERY_S = 0.1
_HELD_MIN_S = 0.05


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
        self._longest_s = 0.0
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
        self._beat_at = now
        self._longest_s = max(self._longest_s, held_s)
        if held_s > _HELD_MIN_S:
            self._metrics.loop_blocked_seconds.observe(held_s)
        if self._next_beat is not None:
            self._next_beat.cancel()
            self._next_beat = asyncio.get_running_loop().call_later(_BEAT_EVERY_S, self.beat)

    def take_longest_s(self) -> float:
        """The longest hold of the loop since the last call, in seconds."""
        longest_s, self._longest_s = self._longest_s, 0.0
        return longest_s

    def _watch(self, watched: int) -> None:
        reported_beat = -1.0
        while not self._stop.wait(min(self._blocked_s / 4, _BEAT_EVERY_S)):
            beat_at = self._beat_at
            held_s = time.monotonic() - beat_at - _BEAT_EVERY_S
            if held_s >= self._blocked_s and beat_at != reported_beat:
                reported_beat = beat_at
                log.error(
                    "the event loop has been held for %.1f s by:\n%s", held_s, _stack_of(watched)
                )


def _stack_of(thread_id: int) -> str:
    frame = sys._current_frames().get(thread_id)
    return "".join(traceback.format_stack(frame)) if frame is not None else "(no stack)"
