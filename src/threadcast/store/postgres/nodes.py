"""Units about nodes: register, renew, remove, sweep. Time is the database's clock."""

from __future__ import annotations

from ..place_units import NodeFacts, RegisterNode, RemoveNode, RenewNode, SweepNode
from ..units import Committed, Outcome
from .across_users import (
    LOST_NODE,
    PLACES_OF_NODE,
    REMOVE_EMPTY_NODE,
    SWEEP_PLACES,
    UNMARKED_PLACES_OF_NODE,
)
from .batch import Batch

# Nodes belong to no user. There are few of them, each in one row.
_ALIVE = """
SELECT extract(epoch FROM lease_until - clock_timestamp())::float8 FROM nodes
WHERE node_id = $1 AND lease_until > clock_timestamp() FOR UPDATE
"""
_ENTER = """
INSERT INTO nodes (node_id, version, role, lease_until)
VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
ON CONFLICT (node_id) DO UPDATE SET version = $2, role = $3,
started_at = excluded.started_at, lease_until = excluded.lease_until
"""
_RENEW = """
UPDATE nodes SET lease_until = clock_timestamp() + make_interval(secs => $2),
connections = $3, runs = $4, summary = $5 WHERE node_id = $1
"""
_HOLDS = """
SELECT lease_until > clock_timestamp() FROM nodes WHERE node_id = $1 FOR UPDATE
"""
_REMOVE = "DELETE FROM nodes WHERE node_id = $1"


async def register_node(batch: Batch, unit: RegisterNode) -> Outcome:
    """Apply one `RegisterNode`."""
    alive = await batch.one(_ALIVE, unit.node.node_id)
    if alive is not None:
        return Committed(max(alive[0], 0.0))
    await remove_node(batch, RemoveNode(unit.node.node_id))
    await _enter(batch, unit.node, unit.lease_s)
    return Committed(None)


async def renew_node(batch: Batch, unit: RenewNode) -> Outcome:
    """Apply one `RenewNode`."""
    node_id = unit.node.node_id
    held = await batch.one(_HOLDS, node_id)
    in_time = held is not None and held[0]
    if not in_time:
        await _enter(batch, unit.node, unit.lease_s)
        await batch.run(UNMARKED_PLACES_OF_NODE, node_id)
    said = (unit.connections, unit.runs, unit.summary)
    await batch.run(_RENEW, node_id, unit.lease_s, *said)
    return Committed(in_time)


async def _enter(batch: Batch, node: NodeFacts, lease_s: float) -> None:
    await batch.run(_ENTER, node.node_id, node.version, node.role, lease_s)


async def remove_node(batch: Batch, unit: RemoveNode) -> Outcome:
    """Apply one `RemoveNode`."""
    await batch.run(PLACES_OF_NODE, unit.node_id)
    await batch.run(_REMOVE, unit.node_id)
    return Committed(None)


async def sweep_node(batch: Batch, unit: SweepNode) -> Outcome:
    """Apply one `SweepNode`. Other nodes sweep as well; rows that they have locked are skipped."""
    row = await batch.one(LOST_NODE, unit.grace_s, unit.marks_s)
    if row is None:
        return Committed(0)
    node_id = row[0]
    swept = await batch.run(SWEEP_PLACES, node_id, unit.limit, unit.marks_s)
    if swept < unit.limit:
        await batch.run(REMOVE_EMPTY_NODE, node_id)
    return Committed(max(swept, 1))
