"""The time limit of one attempt, which is paused while the run waits for a person.

It calls back when the time is up, and may not know what happens then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Deadline"]


class Deadline:
    """Calls `expired` once, when `limit_s` seconds were spent outside `paused` blocks.

    Args:
        limit_s: seconds, more than 0.
        expired: called on the loop; must not raise.

    The caller calls `start` once and `stop` when done.
    """

    __slots__ = ("_expired", "_pauses", "_remaining_s", "_started_at", "_timer")

    def __init__(self, limit_s: float, expired: Callable[[], None]) -> None:
        self._remaining_s = limit_s
        self._expired = expired
        self._pauses = 0
        self._started_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start the timer."""
        loop = asyncio.get_running_loop()
        self._started_at = loop.time()
        self._timer = loop.call_later(self._remaining_s, self._expired)

    def stop(self) -> None:
        """Stop the timer and drop the callback; idempotent."""
        self._expired = _call_nobody
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Pause the timer during the block; of overlapping blocks the last to end resumes it."""
        self._pauses += 1
        if self._pauses == 1 and self._timer is not None:
            self._remaining_s -= self._timer_age_s()
            self._timer.cancel()
        try:
            yield
        finally:
            self._pauses -= 1
            if self._pauses == 0 and self._timer is not None:
                self.start()

    def _timer_age_s(self) -> float:
        return asyncio.get_running_loop().time() - self._started_at


def _call_nobody() -> None:
    """Stands in for the callback once the deadline is stopped."""
