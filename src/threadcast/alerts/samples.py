"""Samples of metrics over time, kept for the longest window.

Counters are stored as they are; increments are differences of two samples. Memory is bounded:
however often samples are taken, those kept are at least a second apart. Reads no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from .measures import Series

_APART_S = 1.0

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """The watched metrics at one moment.

    Attributes:
        at: monotonic time, seconds.
        values: by sample name, each series with its labels.
    """

    at: float
    values: Mapping[str, tuple[tuple[Labels, float], ...]]

    def total(self, series: Series) -> float:
        """The sum of a series; one that does not exist yet is 0."""
        return sum(
            value
            for labels, value in self.values.get(series.name, ())
            if not series.label or labels.get(series.label) in series.values
        )

    def buckets(self, histogram: str) -> dict[float, float]:
        """The cumulative counts of a histogram by upper bound, in rising order."""
        found = self.values.get(f"{histogram}_bucket", ())
        return dict(sorted((float(labels["le"]), value) for labels, value in found))


def take(registry: CollectorRegistry, names: Collection[str], *, at: float) -> Sample:
    """Read these samples of a registry.

    Args:
        registry: of the server's metrics.
        names: of samples, with `_total` and `_bucket`.
        at: monotonic time now, seconds.
    """
    values: dict[str, list[tuple[Labels, float]]] = {}
    for metric in registry.collect():
        for one in metric.samples:
            if one.name in names:
                values.setdefault(one.name, []).append((one.labels, one.value))
    return Sample(at, {name: tuple(series) for name, series in values.items()})


class Samples:
    """The samples of the last `window_max_s` seconds.

    Args:
        window_max_s: the longest window that is asked for, seconds.
    """

    def __init__(self, window_max_s: float) -> None:
        self._kept: deque[Sample] = deque(maxlen=int(window_max_s / _APART_S) + 3)

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, sample: Sample) -> None:
        """Add the latest sample; it replaces the previous one if that came too soon before it."""
        if len(self._kept) > 1 and self._kept[-1].at - self._kept[-2].at < _APART_S:
            self._kept.pop()
        self._kept.append(sample)

    @property
    def latest(self) -> Sample:
        """The last one that was added; there must be one."""
        return self._kept[-1]

    def before(self, window_s: float) -> Sample:
        """The latest sample that is at least `window_s` old, else the oldest."""
        since = self.latest.at - window_s
        found = self._kept[0]
        for sample in self._kept:
            if sample.at > since:
                break
            found = sample
        return found

    def rise(self, window_s: float, *series: Series) -> float:
        """The sum of these counters' increments in the window."""
        earlier, latest = self.before(window_s), self.latest
        return sum(latest.total(one) - earlier.total(one) for one in series)
