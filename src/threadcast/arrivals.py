"""How many clients may be on their way in at once, and when the others are to come again.

A client is on its way in while it is let in, and again while it is brought to its journal's head
for the first time. When a crowd comes back (after a restart, a cut of the network), only so many
are; each of the others is told a time of its own, so that they come as fast as they can be served
and no faster. It knows neither sockets nor journals.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from .clock import Clock
from .errors import ThreadcastError
from .metrics import Metrics

_WAIT_MIN_S = 0.5
_WAIT_MAX_S = 30.0
_SPREAD = 0.5  # of the time that is told: half as much more or less
_RATE_FIRST_PER_S = 200.0
_RATE_MIN_PER_S = 20.0
_MEASURE_MIN_S, _MEASURE_MAX_S = 0.5, 5.0
_ARRIVALS_EACH = 2  # to be let in, and to catch up


class Postponed(ThreadcastError):
    """`overloaded`, with the time at which there will be room for this client."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("overloaded", retry_after_ms=round(wait_s * 1_000))

    @property
    def is_failure(self) -> bool:
        """The client is let in a little later."""
        return False


class Arrival:
    """One client that is on its way in.

    Args:
        on_over: called once, when it is in or has gone.
    """

    __slots__ = ("_on_over",)

    def __init__(self, on_over: Callable[[], None]) -> None:
        self._on_over: Callable[[], None] | None = on_over

    def over(self) -> None:
        """The client is in, or has gone; idempotent. The owner calls it on every path out."""
        on_over, self._on_over = self._on_over, None
        if on_over is not None:
            on_over()

    def __enter__(self) -> Arrival:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.over()


class Arrivals:
    """Those who are on their way in, and the times that others are told. One per node.

    Args:
        clock: only its monotonic time is used.
        metrics: is told how many are on their way in, and how many were told to come again.
        at_once: so many, at most, >= 1.
    """

    def __init__(self, clock: Clock, metrics: Metrics, *, at_once: int) -> None:
        self._clock = clock
        self._metrics = metrics
        self._at_once = at_once
        self._count = 0
        self._rate_per_s = _RATE_FIRST_PER_S
        self._measured_from = clock.monotonic()
        self._over_since = 0
        self._booked_until = clock.monotonic()

    @property
    def full(self) -> bool:
        """Whether no further client is let in now."""
        return self._count >= self._at_once

    def begin(self) -> Arrival:
        """Let a client begin; the caller must see to it that its arrival is over on every path.

        Raises:
            Postponed: too many are on their way in.
        """
        if self.full:
            raise self.postponed()
        self._count += 1
        self._metrics.arrivals.set(self._count)
        return Arrival(self._over)

    def postponed(self) -> Postponed:
        """What one too many is told: when to come again. Counted."""
        now = self._clock.monotonic()
        self._measure(now)
        self._booked_until = max(self._booked_until, now) + _ARRIVALS_EACH / self._rate_per_s
        wait_s = min(max(_WAIT_MIN_S, self._booked_until - now), _WAIT_MAX_S)
        spread = 1 - _SPREAD / 2 + _SPREAD * random.random()  # noqa: S311 - no secret
        self._metrics.arrivals_postponed.inc()
        return Postponed(wait_s * spread)

    def _over(self) -> None:
        self._count -= 1
        self._over_since += 1
        self._metrics.arrivals.set(self._count)

    def _measure(self, now: float) -> None:
        """Find out how many arrive in a second; what was before the crowd says nothing of it."""
        elapsed_s = now - self._measured_from
        if elapsed_s < _MEASURE_MIN_S:
            return
        if elapsed_s <= _MEASURE_MAX_S:
            self._rate_per_s = max(_RATE_MIN_PER_S, self._over_since / elapsed_s)
        self._measured_from, self._over_since = now, 0
