"""The switch that turns a node's consistency tracking on and off."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Self

from ..clock import Clock
from ..metrics import Metrics
from ..settings import Settings
from .report import ConsistencyReport
from .snapshots import ConsistencyViolation
from .tracker import ThreadIDConsistencyTracker

__all__ = ["ConsistencyRecording"]

log = logging.getLogger(__name__)


class ConsistencyRecording:
    """A tracker that can be switched on and off while a node runs.

    Code that creates a context reads `active`; if that is None there is nothing else to do. A trace
    that was begun is recorded to its end, whatever the switch says by then.

    Args:
        tracker: the recorder; its results stay readable after recording is switched off.
        on: whether contexts are followed initially.

    Attributes:
        active: the tracker while contexts are followed, else None.
    """

    def __init__(self, tracker: ThreadIDConsistencyTracker, *, on: bool) -> None:
        self._tracker = tracker
        self.active = tracker if on else None

    @classmethod
    def from_settings(cls, settings: Settings, clock: Clock, metrics: Metrics) -> Self:
        """Create from settings; violations are counted and logged."""

        def count(violations: Sequence[ConsistencyViolation]) -> None:
            metrics.consistency_snapshots.inc()
            for one in violations:
                metrics.consistency_violations.labels(one.severity.value).inc()
                log.warning(
                    "ids drifted in %s at %s (%s, %s): %s",
                    one.trace_id, one.operation, one.severity.value, one.kind, one.message,
                )  # fmt: skip

        tracker = ThreadIDConsistencyTracker(
            clock=clock,
            max_traces=settings.track_consistency_max_traces,
            sample=settings.track_consistency_sample,
            on_recorded=count,
        )
        return cls(tracker, on=settings.track_consistency)

    def take_settings(self, settings: Settings) -> None:
        """Apply these settings to contexts that begin from now on."""
        self.switch(on=settings.track_consistency, sample=settings.track_consistency_sample)

    def switch(self, *, on: bool, sample: float) -> None:
        """Follow contexts that begin from now on, or no further ones.

        Args:
            on: whether.
            sample: which share of them, 0..1.
        """
        self._tracker.sample = sample
        self.active = self._tracker if on else None

    def report(self, named: str | None = None, *, limit: int | None = None) -> ConsistencyReport:
        """What was seen; see `ThreadIDConsistencyTracker.report`."""
        return self._tracker.report(named, limit=limit, recording=self.active is not None)
