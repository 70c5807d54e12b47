"""The body of `GET /ops/overview`: how every node is, and what they did together.

A node keeps a `NodeSummary` in its row of the store, so that any node can answer for all. The
published OpenAPI document is generated from these structs. No text of users is in them.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .fields import Timestamp

__all__ = [
    "CodeCount",
    "ConsistencyFigures",
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
    """How often something was refused with one error code.

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
        last_at: when there was last a cause, exact to a look (`alert_sample_s`): it fires for a
            while longer. Null where the node's version does not say.
    """

    rule: str
    severity: Severity
    since: Timestamp | None
    value: float | None
    threshold: float
    last_at: Timestamp | None = None


class ToldRule(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a node told of a rule.

    Attributes:
        began_at, last_at: when its cause began, and when there was one last, exact to a look. Null
            where the node's version does not say.
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
        lag_events: how many events it has still to be given, as far as its node knows.
        since: when it fell behind.
    """

    user: str
    connection_id: str
    lag_events: _Count
    since: Timestamp


class ConsistencyFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Whether ids stayed the same.

    Attributes:
        on: whether any node follows ids.
        snapshots, violations: how often ids were looked at, and had drifted.
        score: 100 x (snapshots - violations) / snapshots; null where none were followed.
        violated_at: when the last violation was noticed; null for none.
    """

    on: bool
    snapshots: _Count
    violations: _Count
    score: Annotated[float, Meta(ge=0, le=100)] | None
    violated_at: Timestamp | None


class SafetyFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What must be nothing, since the nodes started. Each time is null where there was none.

    Attributes:
        foreign_deliveries: events that were stopped before another user's connection.
        foreign_delivery_at: when the last was noticed.
        id_checks: requests whose ids were examined.
        id_violations: what was wrong with them.
        id_violation_at: when the last was noticed.
        consistency: whether ids stayed the same.
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
        requeued: those that went on.
        ended: those that may not be begun twice, and so ended as failed.
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
        ping_ms: what a round trip took; null when it had no answer.
    """

    ok: bool
    since: Timestamp
    ping_ms: float | None


class NodeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of itself with each renewal of its lease. Rates are of its last step.

    Attributes:
        at: when it was said, by the node's clock.
        age_s: how long ago the node began then; null where its version does not say.
        connections: how many it has.
        users: of how many users.
        lagging: how many of its readers are behind.
        lagging_readers: those that have been behind longest, the longest first; at most 10, or 20
            of the node that answers. None is named while the database has no answer.
        oldest_catch_up_s: for how long the longest catch-up has been under way.
        runs: how many it executes.
        draining: whether it takes no new work.
        drained: whether it has nothing left to do.
        database: as it sees it.
        bus: as it sees it; null where there is none.
        loop_lag_ms: the longest that its event loop was held in the last step.
        events_in_per_s: events that it committed.
        events_out_per_s: events that it handed to connections.
        commits_per_s: commits.
        commit_ms_p50, commit_ms_p99: how long commits took; null without any.
        send_ms_p99: from the end of a commit to its last socket write; null without any.
        safety: what must be nothing.
        take_overs: runs of lost nodes that it took over.
        refusals: by code, those that occurred.
        firing: rules that fire on it.
        told: what it told last, the latest first; at most 10, or 200 of the node that answers.
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


class NodeOverview(msgspec.Struct, frozen=True, kw_only=True):
    """A node as the store knows it, and what it said last.

    Attributes:
        node_id: its id.
        version: of Threadcast.
        role: what it does.
        alive: whether its lease is valid.
        known: false while the node that answers cannot ask the database; all of this is then as it
            was last.
        age_s: how long ago its process began, as reported with its last lease renewal.
        joined_s: how long ago it joined the others, or joined again after it was considered lost;
            null for a node without others.
        lease_left_s: how long its lease is valid without renewal; below 0 for a lost node, null
            for one that shares its store with nobody.
        summary: what it said with its last renewal; null for one that said nothing yet, or whose
            version is older.
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
    """A rule that fires, with where it does and what it means.

    Attributes:
        node_id: where.
        unit: of value and threshold.
        good: which side of the threshold is good.
        looks_back_s: over so many seconds the value is taken, so it stays for a while; null where
            it is of the moment.
        summary, was: what is wrong, and the same for when it is over.
        meaning: what users notice.
        advice: what to do first.
    """

    node_id: str
    unit: Literal["share", "per_minute", "count", "seconds"]
    good: Literal["at_least", "at_most"]
    looks_back_s: int | None
    summary: str
    was: str
    meaning: str
    advice: str


class ToldAlert(ToldRule, frozen=True, kw_only=True):
    """Something that was told of a rule, by which node, and what was wrong when it fired."""

    node_id: str
    was: str


class LaggingAnywhere(LaggingReader, frozen=True, kw_only=True):
    """A connection that fell behind, and the node that has it."""

    node_id: str


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What living nodes said, together.

    Attributes:
        nodes_alive, nodes_lost: how many nodes.
        connections: how many connections.
        users: how many users have them.
        users_once: whether a user with connections on several nodes counts once; false while the
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
    """The oldest run of a status, whose it is and when it was created."""

    run_id: str
    user: str
    created_at: Timestamp


class RunStatusCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs have this status, and which has been there longest (null for none)."""

    status: LiveStatus
    count: _Count
    oldest: OldestRun | None


class QueuedRuns(msgspec.Struct, frozen=True, kw_only=True):
    """Runs in the queue that wait for the same.

    Attributes:
        behind: the status of the run that has their thread; null where only a runner is wanted. A
            run that is `waiting` waits for a person's answer, and the server for nothing.
        count: how many runs.
        oldest: which has been there longest.
        since: since when that one has waited for this; behind another run exact to a step.
    """

    behind: Literal["running", "waiting"] | None
    count: _Count
    oldest: OldestRun
    since: Timestamp


class RunsOverview(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of all users that have not ended, from the store.

    Attributes:
        states: one for each status.
        queued: those in the queue, by what they wait for; empty where none is.
        complete: false when there are more than were counted (20,000).
        counted_at: when.
    """

    states: list[RunStatusCount]
    queued: list[QueuedRuns]
    complete: bool
    counted_at: Timestamp


class PastTrouble(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was wrong and is over, as the node that answers saw it in its steps.

    Attributes:
        kind: `database` or `bus` could not be reached, a node was `lost`, its event loop was
            `held`, or a run was in the queue for too long, for a runner (`queued`) or `behind`
            another one of its thread.
        node_id: where; null for the queue, which is of all nodes.
        users: so many users that node had when the trouble began; null for the queue.
        run_id, user: the run that was in the queue longest, and whose it was; else null.
        began_at, ended_at: from when to when, exact to a step of 5 seconds; of a database or bus
            as its own node says.
    """

    kind: Literal["database", "bus", "lost", "held", "queued", "behind"]
    node_id: str | None
    users: _Count | None
    run_id: str | None
    user: str | None
    began_at: Timestamp
    ended_at: Timestamp


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """Which versions work together; null where it is not known.

    Attributes:
        program, python: of the node that answers.
        schema: of the database's tables.
        database, bus: what runs there, and which version.
    """

    program: str
    python: str
    schema: str | None
    database: str | None
    bus: str | None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """How everything is now.

    Attributes:
        node_id: of the node that answers.
        at: when, by its clock.
        since: when this node began.
        nodes: every node that is known, by id.
        totals: living nodes together.
        runs: runs that have not ended; null while the database has no answer.
        safety: what must be nothing, of living nodes together.
        refusals: of living nodes together, the most frequent of the last minutes first.
        firing: rules that fire anywhere, the most severe first.
        told: what was told last anywhere, the latest first.
        lagging_readers: those that are behind, wherever they are, the longest first; at most 20.
        past: what was wrong in the last hour and is over, the latest first; at most 100.
        database: as the node that answers sees it.
        database_facts: what the database says of itself: durability, sizes; empty without an
            answer.
        bus: as the node that answers sees it; null where there is none.
        versions: of what works together here.
    """

    node_id: str
    at: Timestamp
    since: Timestamp
    nodes: list[NodeOverview]
    totals: Totals
    runs: RunsOverview | None
    safety: SafetyFigures
    refusals: list[CodeCount]
    firing: list[FiringAlert]
    told: list[ToldAlert]
    lagging_readers: list[LaggingAnywhere]
    past: list[PastTrouble]
    database: PartHealth
    database_facts: dict[str, str]
    bus: PartHealth | None
    versions: Versions
