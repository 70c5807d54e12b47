"""Units about nodes: register, renew, remove, sweep. Time is the store's clock."""

from __future__ import annotations

from ..place_units import RegisterNode, RemoveNode, RenewNode, SweepNode
from ..units import Committed, Outcome
from .batch import Batch

_ENTER = """
INSERT INTO nodes (node_id, version, role, started_at, lease_until)
VALUES (?1, ?2, ?3, ?4, ?4 + ?5)
ON CONFLICT (node_id) DO UPDATE SET version = ?2, role = ?3, started_at = ?4, lease_until = ?4 + ?5
"""
_RENEW = """
UPDATE nodes SET lease_until = ?2, connections = ?3, runs = ?4, summary = ?5
WHERE node_id = ?1
"""
_LEASE = "SELECT lease_until FROM nodes WHERE node_id = ?"
_REMOVE = "DELETE FROM nodes WHERE node_id = ?"
_REMOVE_PLACES = "DELETE FROM connections WHERE node_id = ?"
_REMOVE_UNMARKED = f"{_REMOVE_PLACES} AND unwanted IS NULL"
_REMOVE_EMPTY = """
DELETE FROM nodes WHERE node_id = ?1 AND NOT EXISTS (
    SELECT 1 FROM connections WHERE node_id = ?1
)
"""
# If only marked places are left, before ?2.
_LOST = """
SELECT node_id FROM nodes AS l WHERE lease_until < ?1 AND (
    lease_until < ?2
    OR EXISTS (SELECT 1 FROM connections AS c WHERE c.node_id = l.node_id AND c.unwanted IS NULL)
    OR NOT EXISTS (SELECT 1 FROM connections AS c WHERE c.node_id = l.node_id)
)
UNION ALL
SELECT node_id FROM connections WHERE node_id NOT IN (SELECT node_id FROM nodes)
LIMIT 1
"""
_SWEEP = """
DELETE FROM connections WHERE (user, connection_id) IN (
    SELECT user, connection_id FROM connections WHERE node_id = ?1 AND (
        unwanted IS NULL
        OR NOT EXISTS (SELECT 1 FROM nodes WHERE node_id = ?1 AND lease_until >= ?3)
    ) LIMIT ?2
)
"""


def register_node(batch: Batch, unit: RegisterNode) -> Outcome:
    """Apply one `RegisterNode`."""
    node = unit.node
    row = batch.one(_LEASE, node.node_id)
    if row is not None and row[0] > batch.lease_now:
        return Committed(row[0] - batch.lease_now)
    remove_node(batch, RemoveNode(node.node_id))
    batch.run(_ENTER, node.node_id, node.version, node.role, batch.lease_now, unit.lease_s)
    return Committed(None)


def renew_node(batch: Batch, unit: RenewNode) -> Outcome:
    """Apply one `RenewNode`."""
    node, until = unit.node, batch.lease_now + unit.lease_s
    row = batch.one(_LEASE, node.node_id)
    in_time = row is not None and row[0] > batch.lease_now
    if not in_time:
        batch.run(_ENTER, node.node_id, node.version, node.role, batch.lease_now, unit.lease_s)
        batch.run(_REMOVE_UNMARKED, node.node_id)
    batch.run(_RENEW, node.node_id, until, unit.connections, unit.runs, unit.summary)
    return Committed(in_time)


def remove_node(batch: Batch, unit: RemoveNode) -> Outcome:
    """Apply one `RemoveNode`."""
    batch.run(_REMOVE_PLACES, unit.node_id)
    batch.run(_REMOVE, unit.node_id)
    return Committed(None)


def sweep_node(batch: Batch, unit: SweepNode) -> Outcome:
    """Apply one `SweepNode`."""
    kept_from = batch.lease_now - unit.marks_s
    row = batch.one(_LOST, batch.lease_now - unit.grace_s, kept_from)
    if row is None:
        return Committed(0)
    swept = batch.run(_SWEEP, row[0], unit.limit, kept_from)
    if swept < unit.limit:
        batch.run(_REMOVE_EMPTY, row[0])
    return Committed(max(swept, 1))
