"""The injected clock: wall time for people, monotonic time for waiting.

Rules and delivery never read a clock of their own, so that a test can advance time by hand.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Source of wall and monotonic time."""

    def now(self) -> float:
        """Wall time, seconds since the epoch; it can step backwards."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; it never goes backwards."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Wall time, seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return time.monotonic()


class SteadyClock:
    """Wall time at the start, advanced by monotonic time: setting the clock does not change it.

    Args:
        clock: both times are its.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_s = clock.now() - clock.monotonic()

    def now(self) -> float:
        """Seconds since the epoch, by the wall clock at the start."""
        return self._ahead_s + self._clock.monotonic()

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return self._clock.monotonic()
