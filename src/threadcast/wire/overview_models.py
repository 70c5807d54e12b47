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
    "BusHealth",
    "CodeCount",
    "ConsistencyFigures",
    "DatabaseHealth",
    "FiringAlert",
    "NodeOverview",
    "NodeSummary",
    "Overview",
    "RunStatusCount",
    "RunsOverview",
    "SafetyFigures",
    "ToldAlert",
    "Totals",
    "Versions",
]

_Count = Annotated[int, Meta(ge=0)]
_PerSecond = Annotated[float, Meta(ge=0)]


class CodeCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often something was refused with one error code.

    Attributes:
        code: of the table of errors.
        total: since the nodes started.
        recent: in the last five minutes.
    """

    code: str
    total: _Count
    recent: _Count


class FiringAlert(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that fires on a node; values are in the rule's unit."""

    node_id: str
    rule: str
    severity: Literal["critical", "high", "medium"]
    since: Timestamp | None
    value: float | None
    threshold: float
    unit: str
    summary: str


class ToldAlert(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a node told of a rule."""

    node_id: str
    at: Timestamp
    rule: str
    change: Literal["firing", "reminder", "recovered"]
    value: float | None
    threshold: float


class ConsistencyFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Whether ids stayed the same; `score` is null where none were followed.

    Attributes:
        on: whether any node follows ids.
        score: 100 x (snapshots - violations) / snapshots.
    """

    on: bool
    snapshots: _Count
    violations: _Count
    score: Annotated[float, Meta(ge=0, le=100)] | None


class SafetyFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What must be nothing, since the nodes started.

    Attributes:
        foreign_deliveries: events that were stopped before another user's connection.
        id_checks: requests whose ids were examined.
        id_violations: what was wrong with them.
        consistency: whether ids stayed the same.
    """

    foreign_deliveries: _Count
    id_checks: _Count
    id_violations: _Count
    consistency: ConsistencyFigures


class NodeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of itself with each renewal of its lease. Rates are of its last step.

    Attributes:
        at: when it was said, by the node's clock.
        connections: how many it has.
        users: of how many users.
        lagging: how many of its readers are behind.
        oldest_catch_up_s: for how long the longest catch-up has been under way.
        runs: how many it executes.
        draining: whether it takes no new work.
        drained: whether it has nothing left to do.
        database_ok: whether the last commit or probe worked.
        database_ping_ms: what a read of nothing took; null when it had no answer.
        bus_ok: whether hints reach other nodes, as far as it knows.
        bus_ping_ms: what a round trip to the bus took; null without a bus, or without an answer.
        loop_lag_ms: the longest that its event loop was held in the last step.
        events_in_per_s: events that it committed.
        events_out_per_s: events that it handed to connections.
        commits_per_s: commits.
        commit_ms_p50, commit_ms_p99: how long commits took; null without any.
        send_ms_p99: from the end of a commit to its last socket write; null without any.
        safety: what must be nothing.
        take_overs_requeued, take_overs_ended: runs of lost nodes that it took over.
        refusals: by code, those that occurred.
        firing: rules that fire on it.
        told: what it told last, the latest first; at most 10.
    """

    at: Timestamp
    connections: _Count
    users: _Count
    lagging: _Count
    oldest_catch_up_s: float
    runs: _Count
    draining: bool
    drained: bool
    database_ok: bool
    database_ping_ms: float | None
    bus_ok: bool
    bus_ping_ms: float | None
    loop_lag_ms: float
    events_in_per_s: _PerSecond
    events_out_per_s: _PerSecond
    commits_per_s: _PerSecond
    commit_ms_p50: float | None
    commit_ms_p99: float | None
    send_ms_p99: float | None
    safety: SafetyFigures
    take_overs_requeued: _Count
    take_overs_ended: _Count
    refusals: list[CodeCount]
    firing: list[FiringAlert]
    told: list[ToldAlert]


class NodeOverview(msgspec.Struct, frozen=True, kw_only=True):
    """A node as the store knows it, and what it said last.

    Attributes:
        node_id: its id.
        version: of Threadcast.
        role: what it does.
        alive: whether its lease is valid.
        age_s: how long ago it began.
        lease_left_s: how long its lease is valid without renewal; below 0 for a lost node, null
            for a server that shares its store with nobody.
        summary: what it said with its last renewal; null for one that said nothing yet, or whose
            version is older.
    """

    node_id: str
    version: str
    role: str
    alive: bool
    age_s: float
    lease_left_s: float | None
    summary: NodeSummary | None


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What living nodes said, together.

    Attributes:
        nodes_alive, nodes_lost: how many nodes.
        connections: how many connections.
        users: how many users; one with connections on two nodes counts twice.
        lagging: how many readers are behind.
        runs: how many runs are executed.
        events_in_per_s: events that are committed.
        events_out_per_s: events that are handed to connections.
        take_overs_requeued, take_overs_ended: runs of lost nodes that were taken over.
    """

    nodes_alive: _Count
    nodes_lost: _Count
    connections: _Count
    users: _Count
    lagging: _Count
    runs: _Count
    events_in_per_s: _PerSecond
    events_out_per_s: _PerSecond
    take_overs_requeued: _Count
    take_overs_ended: _Count


class RunStatusCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs have this status, and for how long the oldest of them has been there."""

    status: Literal["queued", "running", "waiting"]
    count: _Count
    oldest_s: Annotated[float, Meta(ge=0, description="Since it was created; 0 for none.")]


class RunsOverview(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of all users that have not ended, from the store.

    Attributes:
        states: one for each status.
        complete: false when there are more than were counted (50,000).
        counted_at: when.
    """

    states: list[RunStatusCount]
    complete: bool
    counted_at: Timestamp


class DatabaseHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The database, as the node that answers sees it.

    Attributes:
        ok: whether it can be used.
        ping_ms: what a read of nothing took just now; null when it had no answer.
        facts: what it says of itself: product, version, durability, sizes; empty when not `ok`.
    """

    ok: bool
    ping_ms: float | None
    facts: dict[str, str]


class BusHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The bus, as the node that answers sees it.

    Attributes:
        kind: `none` where hints stay in the process.
        ok: whether hints reach other nodes, as far as is known.
        ping_ms: what a round trip took just now; null without a bus, or without an answer.
    """

    kind: Literal["none", "nats"]
    ok: bool
    ping_ms: float | None


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """Which versions work together; null where it is not known.

    Attributes:
        program: of the node that answers.
        schema: of the database's tables.
        database, bus: of what runs there.
    """

    program: str
    schema: str | None
    database: str | None
    bus: str | None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """How everything is now.

    Attributes:
        node_id: of the node that answers.
        at: when, by its clock.
        nodes: every node that is known, by id.
        totals: living nodes together.
        runs: runs that have not ended; null while the database has no answer.
        safety: what must be nothing, of living nodes together.
        refusals: of living nodes together, the most frequent of the last minutes first.
        firing: rules that fire anywhere, the most severe first.
        told: what was told last anywhere, the latest first.
        database, bus, versions: as the node that answers sees them.
    """

    node_id: str
    at: Timestamp
    nodes: list[NodeOverview]
    totals: Totals
    runs: RunsOverview | None
    safety: SafetyFigures
    refusals: list[CodeCount]
    firing: list[FiringAlert]
    told: list[ToldAlert]
    database: DatabaseHealth
    bus: BusHealth
    versions: Versions
