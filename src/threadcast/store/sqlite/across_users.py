"""Reads of no single user: what a node must know, who was left, which nodes there are.

As with sessions, every answer is one row: JSON that SQLite makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from ...events import encode_json
from ..records import NodeNotices, NodeRow

_NOTICES = """
SELECT (
    SELECT json_group_array(json_array(u.user_id, c.connection_id, c.unwanted))
    FROM connections AS c JOIN users AS u ON u.user = c.user
    WHERE c.node_id = ?1 AND c.unwanted IS NOT NULL
), (
    SELECT json_group_object(u.user_id, r.revoked_at)
    FROM revocations AS r JOIN users AS u ON u.user = r.user
    WHERE r.revoked_at > ?2
    AND EXISTS (SELECT 1 FROM connections AS c WHERE c.user = r.user AND c.node_id = ?1)
), (
    SELECT json_group_array(DISTINCT u.user_id)
    FROM connections AS c JOIN users AS u ON u.user = c.user WHERE c.node_id = ?1 AND c.asked
), (
    SELECT count(*) FROM nodes WHERE node_id = ?1 AND drain
)
"""
_ABANDONED = """
SELECT json_group_array(user_id) FROM (
    SELECT DISTINCT u.user_id FROM runs AS r JOIN users AS u ON u.user = r.user
    WHERE r.status <= 3 AND r.on_disconnect = 'cancel' AND r.cancel_reason IS NULL
    AND r.owner IS NOT 'external'
    AND NOT EXISTS (
        SELECT 1 FROM connections AS c WHERE c.user = r.user AND c.unwanted IS NULL
    )
    AND (?2 IS NULL OR u.user_id IN (SELECT value FROM json_each(?2)))
    LIMIT ?1
)
"""
_NODES = """
SELECT json_group_array(json_array(
    node_id, version, role, ?1 - started_at, lease_until - ?1, connections, runs, summary
)) FROM nodes
"""
_decode_unwanted = msgspec.json.Decoder(list[tuple[str, str, str]]).decode
_decode_revoked = msgspec.json.Decoder(dict[str, float]).decode
_decode_users = msgspec.json.Decoder(list[str]).decode
_decode_nodes = msgspec.json.Decoder(
    list[tuple[str, str, str, float, float, int, int, str | None]]
).decode


def notices(connection: apsw.Connection, node_id: str, since: float) -> NodeNotices:
    """See `Store.notices`; `since` is a time of the store's clock."""
    unwanted, revoked, asked, drain = _row(connection, _NOTICES, node_id, since)
    return NodeNotices(
        _decode_unwanted(unwanted), _decode_revoked(revoked), _decode_users(asked), drain > 0
    )


def abandoned(connection: apsw.Connection, limit: int, among: Sequence[str] | None) -> list[str]:
    """See `Store.abandoned`."""
    named = None if among is None else encode_json(among).decode()
    return _decode_users(_row(connection, _ABANDONED, limit, named)[0])


def nodes(connection: apsw.Connection, now: float) -> list[NodeRow]:
    """See `Store.nodes`; `now` is the store's clock."""
    return [NodeRow(*row) for row in _decode_nodes(_row(connection, _NODES, now)[0])]


def _row(connection: apsw.Connection, sql: str, *bindings: Any) -> tuple[Any, ...]:
    return next(iter(connection.execute(sql, bindings).fetchall()))
