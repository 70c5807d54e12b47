"""The kinds of measures that rules use: sums of counters and gauges, as data.

`judging` evaluates them on this node, `prometheus` writes them as PromQL. Nothing here reads a
metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Series:
    """The sum of a metric's series.

    Attributes:
        name: the exported sample's name, such as `threadcast_runs_total`.
        label: the label to filter by; empty takes every series.
        values: the label values to take.
    """

    name: str
    label: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Success:
    """The share of successes, 0 to 1. The sample is the total, the faults are `bad`."""

    good: tuple[Series, ...]
    bad: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """The ratio of `part` to `whole`. The faults are `part`."""

    part: Series
    whole: Series


@dataclass(frozen=True, slots=True)
class PerMinute:
    """A counter's increment per minute. The sample is the increment in the window."""

    counter: Series


@dataclass(frozen=True, slots=True)
class Rise:
    """A counter's increment in the window, which is also the sample."""

    counter: Series


@dataclass(frozen=True, slots=True)
class Level:
    """The present value of a gauge. It has no sample."""

    gauge: Series


@dataclass(frozen=True, slots=True)
class LevelShare:
    """The ratio of two gauges' present values. The sample is `whole`."""

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
    """The exported names of the samples that a measure reads."""
    match measure:
        case Success(good, bad):
            return frozenset(series.name for series in (*good, *bad))
        case Share(part, whole) | LevelShare(part, whole):
            return frozenset({part.name, whole.name})
        case PerMinute(one) | Rise(one) | Level(one):
            return frozenset({one.name})
        case Quantile(histogram):
            return frozenset({f"{histogram}_bucket"})
