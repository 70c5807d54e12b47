"""The body of `GET /ops/overview`: the state of every node, and of all together.

A node keeps a `NodeSummary` in its row of the store, so that any node can answer for all. The
published OpenAPI document is generated from these structs. They hold no texts of users.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .fields import Timestamp

__all__ = [
    "CodeCount",
    "ConsistencyFigures",
    "FailedAnywhere",
    "FailedRun",
    "FiringAlert",
    "FiringRule",
    "LaggingAnywhere",
    "LaggingReader",
    "LiveStatus",
    "NodeOverview",
    "NodeSummary",
    "OldestRun",
    "Overview",
    "PartHealth",
    "PastTrouble",
    "QueuedRuns",
    "RunStatusCount",
    "RunsOverview",
    "SafetyFigures",
    "Severity",
    "TakeOverFigures",
    "ToldAlert",
    "ToldRule",
    "Totals",
    "Versions",
]

_Count = Annotated[int, Meta(ge=0)]
_PerSecond = Annotated[float, Meta(ge=0)]
LiveStatus = Literal["queued", "running", "waiting"]
Severity = Literal["critical", "high", "medium"]


class CodeCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often something was refused, or failed, with one error code.

    Attributes:
        code: of the table of errors.
        total: since the nodes started.
        recent: in the last five minutes.
        last_at: when it last was.
    """

    code: str
    total: _Count
    recent: _Count
    last_at: Timestamp


class FiringRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that fires on a node; values are in the rule's unit.

    Attributes:
        since: when it began to be met, some time before it fired.
        last_at: when there was last a cause, to within one sample (`alert_sample_s`); the rule
            fires for a while longer. Null from nodes whose version does not report it.
    """

    rule: str
    severity: Severity
    since: Timestamp | None
    value: float | None
    threshold: float
    last_at: Timestamp | None = None


class ToldRule(msgspec.Struct, frozen=True, kw_only=True):
    """A notification of a node about a rule.

    Attributes:
        began_at, last_at: when its cause began, and when there was last one, to within one sample.
            Null from nodes whose version does not report it.
    """

    at: Timestamp
    rule: str
    change: Literal["firing", "reminder", "recovered"]
    value: float | None
    threshold: float
    began_at: Timestamp | None = None
    last_at: Timestamp | None = None


class LaggingReader(msgspec.Struct, frozen=True, kw_only=True):
    """A connection that was live and fell behind its journal.

    Attributes:
        user: whose it is.
        connection_id: which of that user's.
        lag_events: how many events it still lacks, as far as its node knows.
        since: when it fell behind.
    """

    user: str
    connection_id: str
    lag_events: _Count
    since: Timestamp


class FailedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that ended as failed.

    Attributes:
        run_id: which run.
        user: whose it is.
        agent: what executed it.
        code: why it failed, of the table of errors.
        at: when it ended.
    """

    run_id: str
    user: str
    agent: str
    code: str
    at: Timestamp


class ConsistencyFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Results of the consistency tracker.

    Attributes:
        on: whether any node tracks ids.
        snapshots, violations: how often ids were recorded, and had drifted.
        score: 100 x (snapshots - violations) / snapshots; null without snapshots.
        violated_at: when the last violation was noticed; null for none.
    """

    on: bool
    snapshots: _Count
    violations: _Count
    score: Annotated[float, Meta(ge=0, le=100)] | None
    violated_at: Timestamp | None


class SafetyFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures that must be zero, since the nodes started. Times are null if it never happened.

    Attributes:
        foreign_deliveries: events stopped before another user's connection.
        foreign_delivery_at: when the last was noticed.
        id_checks: requests whose ids were examined.
        id_violations: how many violations they had.
        id_violation_at: when the last was noticed.
        consistency: results of the consistency tracker.
    """

    foreign_deliveries: _Count
    foreign_delivery_at: Timestamp | None
    id_checks: _Count
    id_violations: _Count
    id_violation_at: Timestamp | None
    consistency: ConsistencyFigures


class TakeOverFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of lost nodes that were taken over, since the nodes started.

    Attributes:
        requeued: runs that were continued.
        ended: runs that may not be retried, and so ended as failed.
        last_at: when the last was noticed; null for none.
    """

    requeued: _Count
    ended: _Count
    last_at: Timestamp | None


class PartHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The database or the bus, as one node sees it.

    Attributes:
        ok: whether it can be used.
        since: since when it has been so, or has not.
        ping_ms: the last round trip; null without an answer.
    """

    ok: bool
    since: Timestamp
    ping_ms: float | None


class NodeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A node's summary, stored with each renewal of its lease. Rates are those of its last step.

    Attributes:
        at: when it was made, by the node's clock.
        age_s: the node's age then; null from versions that do not report it.
        connections: how many it has.
        users: how many users they belong to.
        lagging: how many of its readers are behind.
        lagging_readers: those that have been behind longest, the longest first; at most 10, or 20
            of the answering node. Empty while the database does not answer.
        oldest_catch_up_s: age of the oldest catch-up under way.
        runs: how many it executes.
        draining: whether it refuses new work.
        drained: whether it has nothing left to do.
        database: as it sees it.
        bus: as it sees it; null without one.
        loop_lag_ms: the longest time that its event loop was blocked in the last step.
        events_in_per_s: events that it committed.
        events_out_per_s: events that it handed to connections.
        commits_per_s: commits.
        commit_ms_p50, commit_ms_p99: how long commits took; null without any.
        send_ms_p99: from the end of a commit to its last socket write; null without any.
        safety: what must be nothing.
        take_overs: runs of lost nodes that it took over.
        refusals: by code, without zeros.
        failures: failed runs by code, without zeros.
        failed_runs: the last of them, the latest first; at most 10, or 50 of the answering node.
            Empty while the database does not answer.
        firing: rules that fire on it.
        told: its last notifications, the latest first; at most 10, or 200 of the answering node.
    """

    at: Timestamp
    connections: _Count
    users: _Count
    lagging: _Count
    lagging_readers: list[LaggingReader]
    oldest_catch_up_s: float
    runs: _Count
    draining: bool
    drained: bool
    database: PartHealth
    bus: PartHealth | None
    loop_lag_ms: float
    events_in_per_s: _PerSecond
    events_out_per_s: _PerSecond
    commits_per_s: _PerSecond
    commit_ms_p50: float | None
    commit_ms_p99: float | None
    send_ms_p99: float | None
    safety: SafetyFigures
    take_overs: TakeOverFigures
    refusals: list[CodeCount]
    firing: list[FiringRule]
    told: list[ToldRule]
    age_s: float | None = None
    failures: list[CodeCount] = []
    failed_runs: list[FailedRun] = []


class NodeOverview(msgspec.Struct, frozen=True, kw_only=True):
    """A node in the store, with its last summary.

    Attributes:
        node_id: its id.
        version: of Threadcast.
        role: what it does.
        alive: whether its lease is valid.
        known: false while the answering node cannot read the database; the values are then old.
        age_s: how long ago its process began, as of its last lease renewal.
        joined_s: how long ago it joined the others, or joined again after it was considered lost;
            null without a shared store.
        lease_left_s: the remaining lease; below 0 for a lost node, null without a shared store.
        summary: of its last renewal; null before the first, or from an older version.
    """

    node_id: str
    version: str
    role: str
    alive: bool
    known: bool
    age_s: float
    joined_s: float | None
    lease_left_s: float | None
    summary: NodeSummary | None


class FiringAlert(FiringRule, frozen=True, kw_only=True):
    """A rule that fires, on which node, and what it means.

    Attributes:
        node_id: the node.
        unit: of value and threshold.
        good: which side of the threshold is good.
        faults: what the share that is missing from the value did, as in "30 % of runs failed";
            empty for rules that count no successes.
        looks_back_s: the window of its value in seconds, so it fires for a while longer; null for
            an instantaneous value.
        summary, was: what is wrong, and the same in the past tense.
        meaning: what users notice.
        advice: what to do first.
    """

    node_id: str
    unit: Literal["share", "per_minute", "count", "seconds"]
    good: Literal["at_least", "at_most"]
    faults: str
    looks_back_s: int | None
    summary: str
    was: str
    meaning: str
    advice: str


class ToldAlert(ToldRule, frozen=True, kw_only=True):
    """A notification, its node, and what was wrong while the rule fired."""

    node_id: str
    was: str


class LaggingAnywhere(LaggingReader, frozen=True, kw_only=True):
    """A connection that fell behind, and the node that has it."""

    node_id: str


class FailedAnywhere(FailedRun, frozen=True, kw_only=True):
    """A run that ended as failed, and the node that says so."""

    node_id: str


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over living nodes.

    Attributes:
        nodes_alive, nodes_lost: how many nodes.
        connections: how many connections.
        users: how many users have them.
        users_once: whether a user with connections to several nodes counts once; false while the
            database cannot tell, and beyond 100,000 connections.
        lagging: how many readers are behind.
        runs: how many runs are executed.
        events_in_per_s: events that are committed.
        events_out_per_s: events that are handed to connections.
        take_overs: runs of lost nodes that were taken over.
    """

    nodes_alive: _Count
    nodes_lost: _Count
    connections: _Count
    users: _Count
    users_once: bool
    lagging: _Count
    runs: _Count
    events_in_per_s: _PerSecond
    events_out_per_s: _PerSecond
    take_overs: TakeOverFigures


class OldestRun(msgspec.Struct, frozen=True, kw_only=True):
    """The oldest run of a status, its user and when it was created."""

    run_id: str
    user: str
    created_at: Timestamp


class RunStatusCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs have this status, and the oldest of them (null for none)."""

    status: LiveStatus
    count: _Count
    oldest: OldestRun | None


class QueuedRuns(msgspec.Struct, frozen=True, kw_only=True):
    """Queued runs that wait for the same thing.

    Attributes:
        behind: the status of the run that occupies their thread; null if they only wait for a
            runner. Behind a `waiting` run they wait for a person's answer.
        count: how many runs.
        oldest: the one queued longest.
        since: since when it has waited for this; behind another run, to within one step.
    """

    behind: Literal["running", "waiting"] | None
    count: _Count
    oldest: OldestRun
    since: Timestamp


class RunsOverview(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of all users that have not ended, from the store.

    Attributes:
        states: one for each status.
        queued: queued runs, by what they wait for.
        complete: false when there are more than were counted (20,000).
        counted_at: when they were counted.
    """

    states: list[RunStatusCount]
    queued: list[QueuedRuns]
    complete: bool
    counted_at: Timestamp


class PastTrouble(msgspec.Struct, frozen=True, kw_only=True):
    """A trouble that is over, as the answering node saw it.

    Attributes:
        kind: `database` or `bus` could not be reached, a node was `lost`, its event loop was
            `held`, or a run was queued for too long, for a runner (`queued`) or `behind` another
            run of its thread.
        node_id: the node; null for queued runs.
        users: how many users that node had when the trouble began; null for queued runs.
        run_id, user: the run that was queued longest, and its user; else null.
        began_at, ended_at: from when to when, to within a step of 5 seconds; for a database or bus,
            as its own node reported.
        place: what held an event loop, as `file.py:10 in function`; else null.
    """

    kind: Literal["database", "bus", "lost", "held", "queued", "behind"]
    node_id: str | None
    users: _Count | None
    run_id: str | None
    user: str | None
    began_at: Timestamp
    ended_at: Timestamp
    place: str | None = None


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """Versions of the components; null if unknown.

    Attributes:
        program, python: of the answering node.
        schema: of the database's tables.
        database, bus: product and version.
    """

    program: str
    python: str
    schema: str | None
    database: str | None
    bus: str | None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The present state of the cluster.

    Attributes:
        node_id: of the answering node.
        at: when, by its clock.
        since: when this node started.
        nodes: every known node, by id.
        totals: sums over living nodes.
        runs: runs that have not ended; null while the database does not answer.
        safety: figures that must be zero, over living nodes.
        refusals: over living nodes, the most frequent of the last minutes first.
        failures: failed runs by code, in the same way.
        failed_runs: the last of all nodes, lost ones included, the latest first; at most 50.
        firing: rules that fire on any node, the most severe first.
        told: the last notifications of all nodes, the latest first.
        lagging_readers: of all nodes, those behind longest first; at most 20.
        past: troubles of the last hour that are over, the latest first; at most 100.
        database: as the answering node sees it.
        database_facts: durability settings and sizes; empty without an answer.
        bus: as the answering node sees it; null without one.
        versions: of the components.
    """

    node_id: str
    at: Timestamp
    since: Timestamp
    nodes: list[NodeOverview]
    totals: Totals
    runs: RunsOverview | None
    safety: SafetyFigures
    refusals: list[CodeCount]
    failures: list[CodeCount]
    failed_runs: list[FailedAnywhere]
    firing: list[FiringAlert]
    told: list[ToldAlert]
    lagging_readers: list[LaggingAnywhere]
    past: list[PastTrouble]
    database: PartHealth
    database_facts: dict[str, str]
    bus: PartHealth | None
    versions: Versions
