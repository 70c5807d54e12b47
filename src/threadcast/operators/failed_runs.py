"""The runs that failed last on this node: which, whose and why. It keeps no text of anybody."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice

from ..clock import Clock
from ..metrics import Metrics
from ..store.records import RunFailure
from ..wire.overview_models import FailedRun
from .timeline import agent_name

__all__ = ["FAILED_MAX", "FailedRuns"]

FAILED_MAX = 50
"""How many failed runs a node remembers, and the most in an overview, of all nodes together."""


class FailedRuns:
    """Counts failed runs by code, and keeps the last `FAILED_MAX`.

    Args:
        metrics: counts them.
        clock: wall time.
    """

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._latest: deque[FailedRun] = deque(maxlen=FAILED_MAX)

    def add(self, failure: RunFailure) -> None:
        """Take a run that just ended as failed."""
        self._metrics.run_failures.labels(failure.code).inc()
        self._latest.appendleft(
            FailedRun(
                run_id=failure.run_id,
                user=failure.user_id,
                agent=agent_name(failure.agent),
                code=failure.code,
                at=self._clock.now(),
            )
        )

    def latest(self, runs_max: int) -> Sequence[FailedRun]:
        """The last ones, at most `runs_max` (>= 0), the latest first."""
        return list(islice(self._latest, runs_max))
