"""Aggregates the summaries of all nodes into the overview. Pure: no store, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from ..alerts.rules import BY_NAME, SEVERITIES
from ..runs import LIVE_RUNS_COUNTED_MAX, RunStatus
from ..store.records import LiveRunCount, NodeRow
from ..wire.overview_models import (
    CodeCount,
    ConsistencyFigures,
    FailedAnywhere,
    FiringAlert,
    LaggingAnywhere,
    LiveStatus,
    NodeOverview,
    NodeSummary,
    OldestRun,
    QueuedRuns,
    RunsOverview,
    RunStatusCount,
    SafetyFigures,
    TakeOverFigures,
    ToldAlert,
    Totals,
)
from .failed_runs import FAILED_MAX
from .summary import score_of

TOLD_MAX = 200
"""The most notifications in an overview, of all nodes together."""
LAGGING_MAX = 20
"""The most lagging readers that an overview names, of all nodes together."""
_LIVE: tuple[LiveStatus, ...] = ("queued", "running", "waiting")

_decode = msgspec.json.Decoder(NodeSummary).decode


def node_of(row: NodeRow, *, known: bool = True) -> NodeOverview:
    """A node from its row; a summary that this version cannot read counts as none.

    Args:
        row: of the store.
        known: whether the row is current. If not, no user is named, because the operator's
            credential may have been revoked since.
    """
    said = None if row.summary is None else _read(row.summary)
    if said is not None and not known:
        said = msgspec.structs.replace(said, lagging_readers=[], failed_runs=[])
    return NodeOverview(
        node_id=row.node_id,
        version=row.version,
        role=row.role,
        alive=row.lease_left_s > 0,
        known=known,
        age_s=max(row.joined_s, (said and said.age_s) or 0.0),
        joined_s=row.joined_s,
        lease_left_s=row.lease_left_s,
        summary=said,
    )


def _read(text: str) -> NodeSummary | None:
    try:
        return _decode(text)
    except msgspec.DecodeError:
        return None


def living(nodes: Iterable[NodeOverview]) -> dict[str, NodeSummary]:
    """The summaries of living nodes by id."""
    return {one.node_id: one.summary for one in nodes if one.alive and one.summary is not None}


def taking_work(rows: Iterable[NodeRow]) -> set[str]:
    """The ids of living nodes that take new work, as last reported."""
    nodes = [node_of(row) for row in rows]
    draining = {node_id for node_id, said in living(nodes).items() if said.draining}
    return {one.node_id for one in nodes if one.alive} - draining


def totals_of(nodes: Sequence[NodeOverview], users: int | None = None) -> Totals:
    """Sums over living nodes.

    Args:
        nodes: all that are known.
        users: how many users are connected to any of them; None to add those of each node.
    """
    said = living(nodes).values()
    alive = sum(one.alive for one in nodes)
    take_overs = [one.take_overs for one in said]
    return Totals(
        nodes_alive=alive,
        nodes_lost=len(nodes) - alive,
        connections=sum(one.connections for one in said),
        users=sum(one.users for one in said) if users is None else users,
        users_once=users is not None or alive <= 1,
        lagging=sum(one.lagging for one in said),
        runs=sum(one.runs for one in said),
        events_in_per_s=sum(one.events_in_per_s for one in said),
        events_out_per_s=sum(one.events_out_per_s for one in said),
        take_overs=TakeOverFigures(
            requeued=sum(one.requeued for one in take_overs),
            ended=sum(one.ended for one in take_overs),
            last_at=_latest(one.last_at for one in take_overs),
        ),
    )


def safety_of(nodes: Sequence[NodeOverview]) -> SafetyFigures:
    """Figures that must be zero, over living nodes."""
    said = [one.safety for one in living(nodes).values()]
    ids = [one.consistency for one in said]
    snapshots, violations = sum(one.snapshots for one in ids), sum(one.violations for one in ids)
    return SafetyFigures(
        foreign_deliveries=sum(one.foreign_deliveries for one in said),
        foreign_delivery_at=_latest(one.foreign_delivery_at for one in said),
        id_checks=sum(one.id_checks for one in said),
        id_violations=sum(one.id_violations for one in said),
        id_violation_at=_latest(one.id_violation_at for one in said),
        consistency=ConsistencyFigures(
            on=any(one.on for one in ids),
            snapshots=snapshots,
            violations=violations,
            score=score_of(snapshots, violations),
            violated_at=_latest(one.violated_at for one in ids),
        ),
    )


def refusals_of(nodes: Sequence[NodeOverview]) -> list[CodeCount]:
    """Refusals over living nodes, the most frequent of the last minutes first."""
    return _joined(said.refusals for said in living(nodes).values())


def failures_of(nodes: Sequence[NodeOverview]) -> list[CodeCount]:
    """Failed runs by code over living nodes, the most frequent of the last minutes first."""
    return _joined(said.failures for said in living(nodes).values())


def _joined(counted: Iterable[Sequence[CodeCount]]) -> list[CodeCount]:
    by_code: dict[str, list[CodeCount]] = {}
    for counts in counted:
        for one in counts:
            by_code.setdefault(one.code, []).append(one)
    joined = [
        CodeCount(
            code=code,
            total=sum(one.total for one in counts),
            recent=sum(one.recent for one in counts),
            last_at=max(one.last_at for one in counts),
        )
        for code, counts in by_code.items()
    ]
    return sorted(joined, key=lambda one: (-one.recent, -one.total, one.code))


def firing_of(nodes: Sequence[NodeOverview]) -> list[FiringAlert]:
    """Rules that fire on any node, the most severe first; unknown ones have no texts."""
    found = [
        _firing(node_id, one.rule, msgspec.structs.asdict(one))
        for node_id, said in living(nodes).items()
        for one in said.firing
    ]
    return sorted(found, key=lambda one: (SEVERITIES.index(one.severity), one.since or 0))


def _firing(node_id: str, name: str, said: dict[str, object]) -> FiringAlert:
    rule = BY_NAME.get(name)
    return FiringAlert(
        node_id=node_id,
        unit="count" if rule is None else rule.unit,
        looks_back_s=None if rule is None else rule.looks_back_s,
        faults="" if rule is None else rule.faults,
        good="at_least" if rule is not None and rule.is_floor else "at_most",
        summary="" if rule is None else rule.summary,
        was="" if rule is None else rule.was,
        meaning="" if rule is None else rule.meaning,
        advice="" if rule is None else rule.advice,
        **said,  # type: ignore[arg-type] # of the same struct
    )


def told_of(nodes: Sequence[NodeOverview]) -> list[ToldAlert]:
    """The last notifications of all nodes, lost ones included, the latest first."""
    found = [
        ToldAlert(node_id=node.node_id, was=_was(one.rule), **msgspec.structs.asdict(one))
        for node in nodes
        if node.summary is not None
        for one in node.summary.told
    ]
    return sorted(found, key=lambda one: -one.at)[:TOLD_MAX]


def failed_of(nodes: Sequence[NodeOverview]) -> list[FailedAnywhere]:
    """The last failed runs of all nodes, lost ones included, the latest first."""
    found = [
        FailedAnywhere(node_id=node.node_id, **msgspec.structs.asdict(one))
        for node in nodes
        if node.summary is not None
        for one in node.summary.failed_runs
    ]
    return sorted(found, key=lambda one: -one.at)[:FAILED_MAX]


def lagging_of(nodes: Sequence[NodeOverview]) -> list[LaggingAnywhere]:
    """Lagging readers on living nodes, those behind longest first."""
    found = [
        LaggingAnywhere(node_id=node_id, **msgspec.structs.asdict(one))
        for node_id, said in living(nodes).items()
        for one in said.lagging_readers
    ]
    return sorted(found, key=lambda one: one.since)[:LAGGING_MAX]


def _was(name: str) -> str:
    rule = BY_NAME.get(name)
    return "" if rule is None else rule.was


def runs_of(
    counts: Sequence[LiveRunCount], at: float, before: RunsOverview | None = None
) -> RunsOverview:
    """Runs of all users that have not ended; `before` is the previous count."""
    seen = {(one.behind, one.oldest.run_id): one.since for one in before.queued} if before else {}
    return RunsOverview(
        states=[
            _status(status, [one for one in counts if one.status == status]) for status in _LIVE
        ],
        queued=[
            _queued(one, seen.get((_behind(one), one.oldest_run_id), at))
            for one in counts
            if one.status == RunStatus.QUEUED
        ],
        complete=sum(one.count for one in counts) < LIVE_RUNS_COUNTED_MAX,
        counted_at=at,
    )


def _status(status: LiveStatus, counts: Sequence[LiveRunCount]) -> RunStatusCount:
    oldest = min(counts, key=lambda one: one.oldest_created_at, default=None)
    return RunStatusCount(
        status=status,
        count=sum(one.count for one in counts),
        oldest=None if oldest is None else _oldest(oldest),
    )


def _queued(counted: LiveRunCount, seen_at: float) -> QueuedRuns:
    """Counts waiting from the later of creation and the end of what the run was behind."""
    return QueuedRuns(
        behind=_behind(counted),
        count=counted.count,
        oldest=_oldest(counted),
        since=counted.oldest_created_at if counted.behind is None else seen_at,
    )


def _behind(counted: LiveRunCount) -> Literal["running", "waiting"] | None:
    match counted.behind:
        case RunStatus.RUNNING:
            return "running"
        case RunStatus.WAITING:
            return "waiting"
    return None


def _oldest(counted: LiveRunCount) -> OldestRun:
    return OldestRun(
        run_id=counted.oldest_run_id,
        user=counted.oldest_user_id,
        created_at=counted.oldest_created_at,
    )


def _latest(times: Iterable[float | None]) -> float | None:
    return max((one for one in times if one is not None), default=None)
