"""Increments of counters from step to step, and when each last rose. Pure: no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from math import ceil


class Rises:
    """Counters as of the last step.

    Args:
        recent_steps: how many steps `recent` adds up.

    Attributes:
        totals: each counter as it is now.
        last_at: when each counter was last seen to have risen, seconds since the epoch.
    """

    def __init__(self, recent_steps: int) -> None:
        self.totals: dict[str, float] = {}
        self.last_at: dict[str, float] = {}
        self._recent: deque[dict[str, float]] = deque(maxlen=recent_steps)

    def take(self, now: float, totals: Mapping[str, float]) -> Mapping[str, float]:
        """Take the counters at the end of a step; returns the increments above 0."""
        risen = {
            name: total - before
            for name, total in totals.items()
            if total > (before := self.totals.get(name, 0.0))
        }
        self.totals = dict(totals)
        self.last_at.update(dict.fromkeys(risen, now))
        self._recent.append(risen)
        return risen

    def recent(self, name: str) -> float:
        """A counter's increment over the last `recent_steps` steps."""
        return sum(risen.get(name, 0.0) for risen in self._recent)


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The quantile of a sequence (nearest rank).

    Args:
        ordered: the values, in rising order.
        share: above 0, at most 1.

    Returns:
        One of the values, or None where there are none.
    """
    return ordered[ceil(share * len(ordered)) - 1] if ordered else None
