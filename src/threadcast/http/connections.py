"""A user's live connections on this node: `/v1/connections`."""

from __future__ import annotations

from starlette.types import ASGIApp

from ..errors import ThreadcastError
from ..websocket_manager import LiveConnection
from ..wire.http_models import Connection, ConnectionList
from ..wire.json_problems import check_id
from .answers import empty_answer, json_answer
from .calls import UserCall
from .requests import read_query


async def list_connections(call: UserCall) -> ASGIApp:
    """`GET /v1/connections`."""
    read_query(call.request)
    live = call.node.manager.connections_of(call.context)
    return json_answer(ConnectionList(connections=[_connection(one) for one in live]))


async def close_connection(call: UserCall) -> ASGIApp:
    """`DELETE /v1/connections/{connection_id}`."""
    read_query(call.request)
    connection_id: str = call.request.path_params["connection_id"]
    check_id("connection_id", connection_id, "ws_conn")
    if not call.node.manager.force_close(call.context, connection_id):
        raise ThreadcastError("not_found")
    return empty_answer()


def _connection(live: LiveConnection) -> Connection:
    connection_id = live.context.connection_id
    if connection_id is None:
        raise AssertionError("a live connection has an id")
    return Connection(connection_id=connection_id, kind=live.kind, opened_at=live.opened_at)
