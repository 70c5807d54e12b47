"""Users' live connections on all nodes: `/v1/connections`, and for operators."""

from __future__ import annotations

from starlette.types import ASGIApp

from ..delivery.websocket_manager import LiveConnection
from ..errors import ThreadcastError
from ..node import Node
from ..operators.actions import Operator
from ..wire.http_models import (
    CloseConnectionsBody,
    ClosedConnections,
    Connection,
    ConnectionList,
)
from ..wire.json_problems import check_id, check_user
from .answers import empty_answer, json_answer
from .calls import UserCall
from .requests import read_query


async def list_connections(call: UserCall) -> ASGIApp:
    """`GET /v1/connections`: oldest first."""
    read_query(call.request)
    if call.node.places is None:
        live = call.node.manager.connections_of(call.context)
        return json_answer(ConnectionList(connections=[_live(one, call.node) for one in live]))
    async with call.session() as session:
        rows = await session.connections.list()
    return json_answer(
        ConnectionList(
            connections=[
                Connection(
                    connection_id=row.connection_id,
                    kind=row.kind,
                    opened_at=row.opened_at,
                    node_id=row.node_id,
                )
                for row in rows
            ]
        )
    )


async def close_connection(call: UserCall) -> ASGIApp:
    """`DELETE /v1/connections/{connection_id}`: immediate here, within 2 s on another node."""
    read_query(call.request)
    connection_id: str = call.request.path_params["connection_id"]
    check_id("connection_id", connection_id, "ws_conn")
    if not await call.node.operators.actions.close(call.context, connection_id):
        raise ThreadcastError("not_found")
    return empty_answer()


async def close_connections(call: UserCall) -> ASGIApp:
    """`POST /ops/connections/close`: an operator ends what a user has; the trail says so.

    The user is named in the body, because no user id may appear in a URL. It needs no confirmation:
    programs call it, and the user's clients may reconnect.
    """
    read_query(call.request)
    body = await call.body(CloseConnectionsBody)
    check_user(body.user)
    by = Operator(call.identity.user_id, call.context.request_id, reason=None)
    closed = await call.node.operators.actions.close_all(by, body.user)
    return json_answer(ClosedConnections(closed=closed))


def _live(live: LiveConnection, node: Node) -> Connection:
    connection_id = live.context.connection_id
    if connection_id is None:
        raise AssertionError("a live connection has an id")
    return Connection(
        connection_id=connection_id,
        kind=live.kind,
        opened_at=live.opened_at,
        node_id=node.node_id,
    )
