"""Whether a server follows contexts now: one switch that its parts share."""

from __future__ import annotations

from .report import ConsistencyReport
from .tracker import ThreadIDConsistencyTracker

__all__ = ["ConsistencyRecording"]


class ConsistencyRecording:
    """A tracker that can be switched on and off while a server runs.

    Who begins a context asks for `active`; when that is None, there is nothing else to do. Whoever
    was given a trace then records into it to the end, whatever the switch says by then.

    Args:
        tracker: what records; what it has seen can be read after recording was switched off, too.
        on: whether contexts are followed from the beginning.

    Attributes:
        active: the tracker while contexts are followed, else None.
    """

    def __init__(self, tracker: ThreadIDConsistencyTracker, *, on: bool) -> None:
        self._tracker = tracker
        self.active = tracker if on else None

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
