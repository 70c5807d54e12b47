"""A tracker's report, in three forms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from .html_report import html_of
from .kinds import KINDS, Severity
from .snapshots import ConsistencyAnalysis, ReportContent, ThreadIdUse, score_of
from .text_report import text_of
from .trace import TraceContent

__all__ = ["ConsistencyReport", "Totals", "report_of"]


class Totals(NamedTuple):
    """Totals, including traces that are no longer kept."""

    traces: int
    kept: int
    snapshots: int
    by_kind: dict[str, int]


class ConsistencyReport(ReportContent, frozen=True):
    """Whether the ids of contexts stayed the same from creation to cleanup.

    Attributes:
        snapshots: by trace, those with violations first, then the latest; by time within each.
        violations: in the order of the snapshots.
        analysis: what it comes to.
    """

    @property
    def score(self) -> float:
        """100 x (snapshots - violations) / snapshots, never below 0; 100 without snapshots."""
        return self.analysis.score

    def __str__(self) -> str:
        """The same as `text()`."""
        return self.text()

    def text(self) -> str:
        """For people, in lines: snapshots, violations, analysis. It cannot steer a terminal."""
        return text_of(self)

    def json(self) -> str:
        """For programs: an object with `snapshots`, `violations` and `analysis`."""
        return msgspec.json.encode(self).decode()

    def html(self) -> str:
        """For people, as one page that loads nothing, with a picture of every trace."""
        return html_of(self)


def report_of(
    traces: Sequence[TraceContent], totals: Totals, *, recording: bool, sample: float, now: float
) -> ConsistencyReport:
    """Put a report together.

    Args:
        traces: what is to be in it, in its order.
        totals: of everything.
        recording, sample: what it says about what is followed.
        now: when it is made, seconds since the epoch.
    """
    snapshots = [snapshot for trace in traces for snapshot in trace.snapshots]
    violations = [violation for trace in traces for violation in trace.violations]
    uses = Counter(one.thread_id for one in snapshots if one.thread_id is not None)
    by_severity = dict.fromkeys((severity.value for severity in Severity), 0)
    for kind, count in totals.by_kind.items():
        by_severity[KINDS[kind].severity.value] += count
    total = sum(totals.by_kind.values())
    analysis = ConsistencyAnalysis(
        score=score_of(totals.snapshots, total),
        snapshots=totals.snapshots,
        violations=total,
        by_kind={kind: totals.by_kind[kind] for kind in KINDS if kind in totals.by_kind},
        by_severity=by_severity,
        traces=totals.traces,
        traces_kept=totals.kept,
        traces_shown=len(traces),
        open=sum(trace.is_open for trace in traces),
        unique_thread_ids=[ThreadIdUse(*use) for use in uses.most_common()],
        recording=recording,
        sample=sample,
        made_at=now,
    )
    return ConsistencyReport(snapshots, violations, analysis)
