"""The published content of a report: snapshots, violations, analysis. Users are masked."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from .kinds import Severity

__all__ = [
    "ConsistencyAnalysis",
    "ConsistencySnapshot",
    "ConsistencyViolation",
    "ReportContent",
    "ThreadIdUse",
    "score_of",
]

_Time = Annotated[float, Meta(description="Seconds since the epoch.")]
_Count = Annotated[int, Meta(ge=0)]
_TraceId = Annotated[str, Meta(description="One context's life, `trace_<ms>_<counter>_<hex8>`.")]
_Number = Annotated[int, Meta(ge=1, description="The snapshot's place in its trace, from 1.")]


class ConsistencySnapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The ids that one operation saw.

    Attributes:
        user: masked.
        key: the key that was used, if one was named; users are masked in it.
        found: of a cleanup: whether it found what it looked for.
    """

    trace_id: _TraceId
    number: _Number
    operation: str
    at: _Time
    user: str | None = None
    thread_id: str | None = None
    run_id: str | None = None
    request_id: str | None = None
    connection_id: str | None = None
    key: str | None = None
    found: bool | None = None


class ConsistencyViolation(msgspec.Struct, frozen=True, kw_only=True):
    """A violation that a snapshot shows.

    Attributes:
        number: of the snapshot.
        kind: which of the kinds that the guide lists.
        message: one sentence with what was expected and what came.
    """

    trace_id: _TraceId
    number: _Number
    operation: str
    at: _Time
    severity: Severity
    kind: str
    message: str


class ThreadIdUse(msgspec.Struct, frozen=True):
    """A thread id, and in how many of the snapshots of this report it was seen."""

    thread_id: str
    snapshots: _Count


class ConsistencyAnalysis(msgspec.Struct, frozen=True, kw_only=True):
    """The analysis of the snapshots.

    Attributes:
        score: 100 x (snapshots - violations) / snapshots, never below 0; 100 without snapshots.
        snapshots, violations: all that were recorded, also those that are not kept any more.
        by_kind: violations by kind; kinds without one are left out.
        by_severity: violations by severity; all four are there.
        traces: followed so far.
        traces_kept: still in memory.
        traces_shown: in this report.
        open: of those in this report, how many have a manager that no cleanup has looked for yet.
        unique_thread_ids: of the snapshots in this report, the most frequent first.
        recording: whether new contexts are followed now.
        sample: which share of contexts is followed, 0..1.
        made_at: when the report was made.
    """

    score: Annotated[float, Meta(ge=0, le=100)]
    snapshots: _Count
    violations: _Count
    by_kind: dict[str, int]
    by_severity: dict[str, int]
    traces: _Count
    traces_kept: _Count
    traces_shown: _Count
    open: _Count
    unique_thread_ids: list[ThreadIdUse]
    recording: bool
    sample: Annotated[float, Meta(ge=0, le=1)]
    made_at: _Time


class ReportContent(msgspec.Struct, frozen=True):
    """Whether the ids of contexts stayed the same from creation to cleanup.

    Attributes:
        snapshots: by trace, those with violations first, then the latest; by time within each.
        violations: in the order of the snapshots.
        analysis: what it comes to.
    """

    snapshots: list[ConsistencySnapshot]
    violations: list[ConsistencyViolation]
    analysis: ConsistencyAnalysis


def score_of(snapshots: int, violations: int) -> float:
    """100 x (snapshots - violations) / snapshots, never below 0; 100 without snapshots."""
    if snapshots == 0:
        return 100.0
    return max(0.0, 100 * (snapshots - violations) / snapshots)
