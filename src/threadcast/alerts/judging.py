"""Evaluates alert rules over samples. Pure: the time is handed in.

A rule is `ok`, then `pending` while it is met but not yet for long enough, then `firing`. It keeps
firing until it has not been met for `clear_s`, so a value that oscillates around its threshold is
one alert, not many.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from .measures import Level, LevelShare, PerMinute, Quantile, Rise, Share, Success
from .rules import Rule
from .samples import Sample, Samples

State = Literal["ok", "pending", "firing"]
Change = Literal["firing", "reminder", "recovered"]


@dataclass(frozen=True, slots=True)
class Reading:
    """The value of a rule's measure.

    Attributes:
        value: in the rule's unit; None if there was nothing to measure.
        sample: the number of attempts.
        faults: how many of them count against the rule.
    """

    value: float | None
    sample: float
    faults: float


def read(rule: Rule, samples: Samples) -> Reading:
    """Measure a rule over its window; there must be a sample."""
    window_s = rule.window_s
    match rule.measure:
        case Success(good, bad):
            faults = samples.rise(window_s, *bad)
            whole = samples.rise(window_s, *good) + faults
            return Reading((whole - faults) / whole if whole else None, whole, faults)
        case Share(part, whole_series):
            faults, whole = samples.rise(window_s, part), samples.rise(window_s, whole_series)
            return Reading(faults / whole if whole else None, whole, faults)
        case PerMinute(counter):
            rise = samples.rise(window_s, counter)
            return Reading(rise * 60 / window_s, rise, rise)
        case Rise(counter):
            rise = samples.rise(window_s, counter)
            return Reading(rise, rise, rise)
        case Level(gauge):
            return Reading(samples.latest.total(gauge), 0, 0)
        case LevelShare(part, whole_series):
            faults, whole = samples.latest.total(part), samples.latest.total(whole_series)
            return Reading(faults / whole if whole else None, whole, faults)
        case Quantile(histogram, quantile):
            counts = _risen_buckets(samples, window_s, histogram)
            count = counts[-1][1] if counts else 0.0
            return Reading(quantile_of(counts, quantile) if count else None, count, count)


def is_met(rule: Rule, threshold: float, reading: Reading) -> bool:
    """Whether the value is beyond the threshold, with enough attempts and faults to say so."""
    if reading.value is None:
        return False
    if reading.sample < rule.sample_least or reading.faults < rule.faults_least:
        return False
    return reading.value < threshold if rule.is_floor else reading.value > threshold


def faults_of(rule: Rule, sample: Sample) -> float | None:
    """The faults since the node started; None if the rule's measure counts none."""
    match rule.measure:
        case Success(_, bad):
            return sum(sample.total(one) for one in bad)
        case Share(counter, _) | PerMinute(counter) | Rise(counter):
            return sample.total(counter)
        case Level() | LevelShare() | Quantile():
            return None


def _risen_buckets(samples: Samples, window_s: float, histogram: str) -> list[tuple[float, float]]:
    earlier = samples.before(window_s).buckets(histogram)
    latest = samples.latest.buckets(histogram)
    return [(bound, count - earlier.get(bound, 0.0)) for bound, count in latest.items()]


def quantile_of(counts: list[tuple[float, float]], quantile: float) -> float:
    """The quantile of a cumulative histogram, interpolated linearly within a bucket.

    As Prometheus' `histogram_quantile`: beyond the last finite bound it is that bound.

    Args:
        counts: in rising order, the last one's bound infinite; its count above 0.
        quantile: above 0, below 1.
    """
    rank = quantile * counts[-1][1]
    low, below = 0.0, 0.0
    for bound, count in counts:
        if count >= rank:
            break
        low, below = bound, count
    if math.isinf(bound):
        return low
    return low + (bound - low) * (rank - below) / (count - below)


@dataclass(slots=True)
class Watched:
    """The state of one rule.

    Attributes:
        rule: the rule.
        state: its state.
        since: when it entered that state, seconds since the epoch; None from the start.
        reading: the last one.
        met_since: when the present or last alert began to be met.
        met_until: when it was last met; the window keeps it met after its cause has ended.
        fault_at: when there was last a fault, to within one sample.
    """

    rule: Rule
    state: State = "ok"
    since: float | None = None
    reading: Reading | None = None
    met_since: float = 0.0
    met_until: float | None = None
    fault_at: float | None = None
    _faults: float | None = None
    _met_at: float = 0.0
    _clear_at: float | None = None
    _told_at: float = 0.0

    @property
    def last_at(self) -> float | None:
        """When the present or last alert last had a cause; None from the start."""
        known = [one for one in (self.met_until, self.fault_at) if one is not None]
        return max(min(known), self.met_since) if self.met_until is not None else None

    def count(self, faults: float | None, now: float) -> None:
        """Take the value of `faults_of` at `now`, seconds since the epoch."""
        if faults is not None and self._faults is not None and faults > self._faults:
            self.fault_at = now
        self._faults = faults

    def step(
        self, reading: Reading, *, met: bool, at: float, now: float, reminder_s: float
    ) -> Change | None:
        """Take a reading; returns the change to notify, if any.

        Args:
            reading: the present one.
            met: whether it meets the rule.
            at: monotonic time, seconds.
            now: wall time, seconds since the epoch.
            reminder_s: time between reminders of a firing rule, in seconds.
        """
        self.reading = reading
        if met:
            self.met_until = now
        return self._met(at, now, reminder_s) if met else self._not_met(at, now)

    def _met(self, at: float, now: float, reminder_s: float) -> Change | None:
        self._clear_at = None
        if self.state == "firing":
            if at - self._told_at < reminder_s:
                return None
            self._told_at = at
            return "reminder"
        if self.state == "ok":
            self._met_at, self.met_since = at, now
            self._move("pending", now)
        if at - self._met_at < self.rule.for_s:
            return None
        self._told_at = at
        self._move("firing", now)
        return "firing"

    def _not_met(self, at: float, now: float) -> Change | None:
        if self.state == "pending":
            self._move("ok", now)
        if self.state != "firing":
            return None
        if self._clear_at is None:
            self._clear_at = at
        if at - self._clear_at < self.rule.clear_s:
            return None
        self._move("ok", now)
        return "recovered"

    def _move(self, state: State, now: float) -> None:
        self.state, self.since = state, now
