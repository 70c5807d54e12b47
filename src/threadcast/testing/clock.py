"""A clock that stands still until a test moves it."""

from __future__ import annotations


class ManualClock:
    """A `threadcast.clock.Clock` that is advanced by hand.

    Args:
        now: wall time to begin with, seconds since the epoch.
        monotonic: monotonic time to begin with, seconds.
    """

    def __init__(self, now: float = 1_763_629_200.0, monotonic: float = 0.0) -> None:
        self._now = now
        self._monotonic = monotonic

    def now(self) -> float:
        """Wall time, seconds since the epoch."""
        return self._now

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Advance both clocks.

        Raises:
            ValueError: monotonic time cannot go back; use `set_wall_time` for a step.
        """
        if seconds < 0:
            raise ValueError(f"seconds: expected 0 or more, got {seconds!r}")
        self._now += seconds
        self._monotonic += seconds

    def set_wall_time(self, now: float) -> None:
        """Step the wall clock, in either direction; monotonic time is unaffected."""
        self._now = now
