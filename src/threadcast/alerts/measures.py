"""What a rule's value can be made of: sums of counters and gauges, as data.

`judging` measures them on this node, `prometheus` writes them as expressions. Nothing here reads
a metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Series:
    """The sum of a metric's series.

    Attributes:
        name: the sample's name as it is exported, such as `threadcast_runs_total`.
        label: the label that chooses; empty takes every series.
        values: the label's values to take.
    """

    name: str
    label: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Success:
    """The share of what went well, 0 to 1. The sample is all of it, the faults are `bad`."""

    good: tuple[Series, ...]
    bad: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """How many of `part` there were for each of `whole`. The faults are `part`."""

    part: Series
    whole: Series


@dataclass(frozen=True, slots=True)
class PerMinute:
    """How often a counter rose, per minute of the window. The sample is what it rose by."""

    counter: Series


@dataclass(frozen=True, slots=True)
class Rise:
    """What a counter rose by in the window. The sample is the same."""

    counter: Series


@dataclass(frozen=True, slots=True)
class Level:
    """A gauge as it is now. There is no sample to be too small."""

    gauge: Series


@dataclass(frozen=True, slots=True)
class LevelShare:
    """One gauge as a share of another as they are now. The sample is `whole`."""

    part: Series
    whole: Series


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile of a histogram over the window, in its unit. The sample is its count.

    Attributes:
        histogram: the name without `_bucket`.
        quantile: above 0, below 1.
    """

    histogram: str
    quantile: float


Measure = Success | Share | PerMinute | Rise | Level | LevelShare | Quantile
Unit = Literal["share", "per_minute", "count", "seconds"]


def sample_names(measure: Measure) -> frozenset[str]:
    """The samples that a measure reads, named as they are exported."""
    match measure:
        case Success(good, bad):
            return frozenset(series.name for series in (*good, *bad))
        case Share(part, whole) | LevelShare(part, whole):
            return frozenset({part.name, whole.name})
        case PerMinute(one) | Rise(one) | Level(one):
            return frozenset({one.name})
        case Quantile(histogram):
            return frozenset({f"{histogram}_bucket"})
