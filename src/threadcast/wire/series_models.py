"""The body of `GET /ops/series`: the last hour in steps, as columns of equal length.

The published OpenAPI document is generated from these structs.
"""

from __future__ import annotations

import msgspec

from .fields import Timestamp

__all__ = ["ClusterColumns", "NodeColumns", "Series"]

_Column = list[float | None]


class NodeColumns(msgspec.Struct, frozen=True, kw_only=True):
    """One node's figures, one value per step: times in milliseconds, rates per second.

    Attributes:
        connections, users, lagging: at the end of the step.
        runs: runs that it executes, at the end of the step.
        queued_units: appends that wait for a commit, at the end of the step.
        events_in_per_s, events_out_per_s, commits_per_s: committed, handed to connections, commits.
        commit_events_p50, commit_events_p99: events in one commit.
        commit_ms_p50, commit_ms_p99: how long commits took.
        send_ms_p50, send_ms_p99, send_ms_p999: from the end of a commit to its last socket write.
        loop_lag_ms: the longest time that the event loop was blocked.
        database_ping_ms, bus_ping_ms: round trips to database and bus.
        connects_per_s, resumes_per_s: accepted connections, attaches with a cursor.
        refusals_per_s: refused requests and commands.
        take_overs: runs of lost nodes that it took over in the step.
        foreign_deliveries: events stopped before another user's connection in the step.
        id_violations: unusable ids in the step.
        runs_ended_per_s, runs_failed_per_s: runs that ended here, and those of them that failed.
    """

    connections: _Column
    users: _Column
    lagging: _Column
    runs: _Column
    queued_units: _Column
    events_in_per_s: _Column
    events_out_per_s: _Column
    commits_per_s: _Column
    commit_events_p50: _Column
    commit_events_p99: _Column
    commit_ms_p50: _Column
    commit_ms_p99: _Column
    send_ms_p50: _Column
    send_ms_p99: _Column
    send_ms_p999: _Column
    loop_lag_ms: _Column
    database_ping_ms: _Column
    bus_ping_ms: _Column
    connects_per_s: _Column
    resumes_per_s: _Column
    refusals_per_s: _Column
    take_overs: _Column
    foreign_deliveries: _Column
    id_violations: _Column
    runs_ended_per_s: _Column
    runs_failed_per_s: _Column


class ClusterColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Figures over living nodes, at the end of each step; null while unknown.

    Attributes:
        nodes: how many nodes are alive.
        connections, lagging, runs: sums.
        users: each counted once where that is known (`Totals.users_once`), else a sum.
        events_in_per_s, events_out_per_s, commits_per_s: sums.
        commit_events_p50, commit_events_p99: events in one commit, on any node.
        commit_ms_p50, commit_ms_p99: how long commits took, on any node.
        send_ms_p50, send_ms_p99, send_ms_p999: from the end of a commit to its last socket write,
            on any node. Percentiles of several nodes are within 5 % of what was measured.
        refusals_per_s, runs_failed_per_s: sums.
        loop_lag_ms, database_ping_ms, bus_ping_ms: of the worst node.
        runs_queued, runs_running, runs_waiting: from the store, of all users; null while the
            console was off.
    """

    nodes: _Column
    connections: _Column
    users: _Column
    lagging: _Column
    runs: _Column
    events_in_per_s: _Column
    events_out_per_s: _Column
    commits_per_s: _Column
    commit_events_p50: _Column
    commit_events_p99: _Column
    commit_ms_p50: _Column
    commit_ms_p99: _Column
    send_ms_p50: _Column
    send_ms_p99: _Column
    send_ms_p999: _Column
    refusals_per_s: _Column
    runs_failed_per_s: _Column
    loop_lag_ms: _Column
    database_ping_ms: _Column
    bus_ping_ms: _Column
    runs_queued: _Column
    runs_running: _Column
    runs_waiting: _Column


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The last hour, oldest step first. A null in a column means that there was nothing to measure.

    Attributes:
        node_id: of the answering node, which defines the steps.
        of_node_id: the node of the columns in `node`; another node's are as it last reported.
        step_s: from one step to the next, in seconds.
        at: when each step ended; pass the last one as `since` to continue.
        node: that node's figures.
        cluster: figures over all nodes.
    """

    node_id: str
    of_node_id: str
    step_s: float
    at: list[Timestamp]
    node: NodeColumns
    cluster: ClusterColumns
