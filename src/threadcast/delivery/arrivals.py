"""Bounds how many clients arrive at the same time, and tells the others when to retry.

A client is arriving while it is authenticated, and again during its first catch-up. When many
reconnect together (after a restart or a network failure), those beyond the bound get a retry time
each, spaced by the rate at which arrivals complete. This module knows neither sockets nor journals.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from ..clock import Clock
from ..errors import ThreadcastError
from ..metrics import Metrics

_WAIT_MIN_S = 0.5
_WAIT_MAX_S = 30.0
_SPREAD = 0.5  # jitter: 25 % of the retry time, either way
_RATE_FIRST_PER_S = 200.0
_RATE_MIN_PER_S = 20.0
_MEASURE_MIN_S, _MEASURE_MAX_S = 0.5, 5.0
_ARRIVALS_EACH = 2  # authentication and catch-up


class Postponed(ThreadcastError):
    """`overloaded`, with a retry time at which there will be room for this client."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("overloaded", retry_after_ms=round(wait_s * 1_000))

    @property
    def is_failure(self) -> bool:
        """No: the client only gets in a little later."""
        return False


class Arrival:
    """One arriving client.

    Args:
        on_over: called once, when it has arrived or gone.
    """

    __slots__ = ("_on_over",)

    def __init__(self, on_over: Callable[[], None]) -> None:
        self._on_over: Callable[[], None] | None = on_over

    def over(self) -> None:
        """The client has arrived or gone; idempotent. The owner calls it on every path out."""
        on_over, self._on_over = self._on_over, None
        if on_over is not None:
            on_over()

    def __enter__(self) -> Arrival:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.over()


class Arrivals:
    """The arriving clients of one node, and the retry times of those beyond the bound.

    Args:
        clock: only its monotonic time is used.
        metrics: counts arriving and postponed clients.
        at_once: the most that arrive at the same time, >= 1.
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
        """Whether the bound is reached."""
        return self._count >= self._at_once

    def begin(self) -> Arrival:
        """Let a client begin; the caller must end its arrival on every path out.

        Raises:
            Postponed: the bound is reached.
        """
        if self.full:
            raise self.postponed()
        self._count += 1
        self._metrics.arrivals.set(self._count)
        return Arrival(self._over)

    def postponed(self) -> Postponed:
        """The refusal for a client beyond the bound, with its retry time; counted."""
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
        """Measure arrivals per second; a long interval was idle and says nothing."""
        elapsed_s = now - self._measured_from
        if elapsed_s < _MEASURE_MIN_S:
            return
        if elapsed_s <= _MEASURE_MAX_S:
            self._rate_per_s = max(_RATE_MIN_PER_S, self._over_since / elapsed_s)
        self._measured_from, self._over_since = now, 0
