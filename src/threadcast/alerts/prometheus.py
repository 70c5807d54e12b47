"""Writes the alert rules as a Prometheus rules file.

Pure text. The file needs Prometheus 2.42 or later (`keep_firing_for`). It evaluates all nodes of a
job together, whereas each node evaluates only itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from .measures import (
    Level,
    LevelShare,
    Measure,
    PerMinute,
    Quantile,
    Rise,
    Series,
    Share,
    Success,
    Unit,
)
from .rules import RULES, Rule

__all__ = ["expression", "rules_file", "selector", "window"]

_VALUES: dict[Unit, str] = {
    "share": "{{ $value | humanizePercentage }}",
    "per_minute": '{{ $value | printf "%.4g" }} per minute',
    "seconds": "{{ $value | humanizeDuration }}",
    "count": '{{ $value | printf "%.4g" }}',
}
_HEAD = """\
# Alerts of Threadcast for Prometheus 2.42 or later, written by `threadcast alerts prometheus`.
# Prometheus' `increase` extrapolates, so a bound on counts is half a count below its number.
groups:
  - name: threadcast
    rules:
"""
_ABSENT = """\
      - alert: ThreadcastAbsent
        expr: absent(threadcast_connections)
        for: 2m
        labels:
          severity: "critical"
        annotations:
          summary: "No Threadcast server is scraped."
          description: "It is down, or Prometheus cannot read /metrics (a token with the scope\\
            \\ metrics is needed from another machine)."
"""


def rules_file(thresholds: Mapping[str, float]) -> str:
    """The rules file as YAML.

    Args:
        thresholds: of every rule, by name.
    """
    parts = (_entry(rule, thresholds[rule.name]) for rule in RULES)
    return _HEAD + "".join(parts) + _ABSENT


def expression(rule: Rule, threshold: float) -> str:
    """The rule's condition in PromQL, one line for each part."""
    comparison = "<" if rule.is_floor else ">"
    conditions = [f"{_value(rule)} {comparison} {threshold:.15g}"]
    sample, faults = _sample(rule.measure, rule.window_s)
    if rule.sample_least and sample:
        conditions.append(f"{sample} > {rule.sample_least - 0.5:g}")
    if rule.faults_least and faults:
        conditions.append(f"{faults} > {rule.faults_least - 0.5:g}")
    return "\nand\n".join(conditions)


def selector(series: Series, *matchers: str) -> str:
    """A series as a PromQL selector.

    Args:
        series: which.
        matchers: further ones, such as `job="x"`.
    """
    own = [f'{series.label}=~"{"|".join(series.values)}"'] if series.label else []
    inside = ",".join([*own, *matchers])
    return f"{series.name}{{{inside}}}" if inside else series.name


def window(seconds: int) -> str:
    """A duration in PromQL."""
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"


def _entry(rule: Rule, threshold: float) -> str:
    return "\n".join(_lines(rule, threshold)) + "\n"


def _lines(rule: Rule, threshold: float) -> Iterator[str]:
    yield f"      - alert: {_alert_name(rule)}"
    yield "        expr: |-"
    for line in expression(rule, threshold).split("\n"):
        yield f"          {line}"
    if rule.for_s:
        yield f"        for: {window(rule.for_s)}"
    if rule.clear_s:
        yield f"        keep_firing_for: {window(rule.clear_s)}"
    yield "        labels:"
    yield f"          severity: {json.dumps(rule.severity)}"
    yield f"          rule: {json.dumps(rule.name)}"
    yield "        annotations:"
    yield f"          summary: {json.dumps(rule.summary)}"
    text = f"Now {_VALUES[rule.unit]}. {rule.meaning} {rule.advice}"
    yield f"          description: {json.dumps(text)}"


def _alert_name(rule: Rule) -> str:
    return "Threadcast" + "".join(word.capitalize() for word in rule.name.split("_"))


def _value(rule: Rule) -> str:
    seconds = rule.window_s
    match rule.measure:
        case Success(good, bad):
            return f"({_risen(seconds, *good)}) / ({_risen(seconds, *good, *bad)})"
        case Share(part, whole):
            return f"{_risen(seconds, part)} / {_risen(seconds, whole)}"
        case PerMinute(counter):
            return f"{_risen(seconds, counter)} * 60 / {seconds}"
        case Rise(counter):
            return _risen(seconds, counter)
        case Level(gauge):
            return f"max by (job) ({selector(gauge)})"
        case LevelShare(part, whole):
            return f"sum by (job) ({selector(part)}) / sum by (job) ({selector(whole)})"
        case Quantile(histogram, quantile):
            buckets = f"sum by (job, le) (rate({histogram}_bucket[{window(seconds)}]))"
            return f"histogram_quantile({quantile:g}, {buckets})"


def _sample(measure: Measure, seconds: int) -> tuple[str, str]:
    """PromQL for attempts and faults, where they are counted."""
    match measure:
        case Success(good, bad):
            return f"({_risen(seconds, *good, *bad)})", f"({_risen(seconds, *bad)})"
        case Share(part, whole):
            return _risen(seconds, whole), _risen(seconds, part)
        case PerMinute(counter) | Rise(counter):
            return _risen(seconds, counter), _risen(seconds, counter)
        case LevelShare(part, whole):
            return f"sum by (job) ({selector(whole)})", f"sum by (job) ({selector(part)})"
        case Quantile(histogram):
            count = _risen(seconds, Series(f"{histogram}_count"))
            return count, count
        case Level():
            return "", ""


def _risen(seconds: int, *series: Series) -> str:
    return " + ".join(
        f"sum by (job) (increase({selector(one)}[{window(seconds)}]))" for one in series
    )
