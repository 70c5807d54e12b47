"""A report organised by trace, with short names and times, for the text and HTML forms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from string import ascii_uppercase

from .kinds import KINDS, Severity
from .snapshots import ConsistencyAnalysis, ConsistencySnapshot, ConsistencyViolation, ReportContent

__all__ = [
    "TraceOutline",
    "findings",
    "offset_text",
    "outline",
    "score_text",
    "worst_first",
]

_SECONDS_FROM_S = 1.0
_MINUTES_FROM_S = 120.0
_HOURS_FROM_S = 7_200.0


@dataclass(slots=True)
class TraceOutline:
    """One trace of a report.

    Attributes:
        letters: short names of its thread ids, A for the first.
    """

    trace_id: str
    snapshots: list[ConsistencySnapshot] = field(default_factory=list)
    violations: list[ConsistencyViolation] = field(default_factory=list)
    letters: dict[str, str] = field(default_factory=dict)

    @property
    def began_at(self) -> float:
        """When its first snapshot was taken that is still kept, seconds since the epoch."""
        return self.snapshots[0].at if self.snapshots else 0.0

    def letter(self, snapshot: ConsistencySnapshot) -> str:
        """The short name of a snapshot's thread; a dash where it has none."""
        return self.letters.get(snapshot.thread_id or "", "–")

    def wrong_with(self, snapshot: ConsistencySnapshot) -> list[ConsistencyViolation]:
        """The violations of one snapshot, the worst first."""
        return worst_first(one for one in self.violations if one.number == snapshot.number)


def outline(report: ReportContent) -> list[TraceOutline]:
    """The traces of a report, in its order."""
    traces: dict[str, TraceOutline] = {}
    for snapshot in report.snapshots:
        trace = traces.setdefault(snapshot.trace_id, TraceOutline(snapshot.trace_id))
        trace.snapshots.append(snapshot)
        if snapshot.thread_id is not None and snapshot.thread_id not in trace.letters:
            trace.letters[snapshot.thread_id] = _letters(len(trace.letters))
    for violation in report.violations:
        trace = traces.setdefault(violation.trace_id, TraceOutline(violation.trace_id))
        trace.violations.append(violation)
    return list(traces.values())


def worst_first(violations: Iterable[ConsistencyViolation]) -> list[ConsistencyViolation]:
    """By severity, and as they came among those of one severity."""
    order = list(Severity)
    return sorted(violations, key=lambda one: order.index(one.severity))


def offset_text(seconds: float) -> str:
    """How long after the first snapshot of its trace something happened; clocks may step back."""
    sign, size_s = ("+" if seconds >= 0 else "-"), abs(seconds)
    if size_s < _SECONDS_FROM_S:
        return f"{sign}{size_s * 1_000:.1f} ms"
    if size_s < _MINUTES_FROM_S:
        return f"{sign}{size_s:.2f} s"
    if size_s < _HOURS_FROM_S:
        return f"{sign}{size_s / 60:.1f} min"
    return f"{sign}{size_s / 3_600:.1f} h"


def score_text(analysis: ConsistencyAnalysis) -> str:
    """The score with one digit after the point, never rounded up to a perfect one."""
    shown = min(analysis.score, 99.9) if analysis.violations else analysis.score
    return f"{shown:.1f}"


def findings(analysis: ConsistencyAnalysis) -> list[tuple[str, str]]:
    """What the analysis comes to: for each kind of violation, the worst first, what it means."""
    return [
        (f"{count} x {kind}", KINDS[kind].means if kind in KINDS else "A kind of a later version.")
        for kind, count in _worst_kinds_first(analysis)
    ]


def _worst_kinds_first(analysis: ConsistencyAnalysis) -> list[tuple[str, int]]:
    order = list(KINDS)
    return sorted(
        analysis.by_kind.items(),
        key=lambda item: order.index(item[0]) if item[0] in order else len(order),
    )


def _letters(index: int) -> str:
    """A, B, ..., Z, AA, AB, ..."""
    text = ""
    while index >= 0:
        index, rest = divmod(index, len(ascii_uppercase))
        text = ascii_uppercase[rest] + text
        index -= 1
    return text
