"""The ASGI scope of a WebSocket. Pure."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote

from starlette.types import Scope
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from .config import EdgeConfig
from .frame_writer import FRAMES_EXTENSION, FrameWriter
from .handshake import UpgradeRequest


def websocket_scope(
    config: EdgeConfig,
    transport: asyncio.Transport,
    request: UpgradeRequest,
    *,
    state: dict[str, object],
    writer: FrameWriter,
) -> Scope:
    """What the application is told about a connection.

    Args:
        config: of the server.
        transport: of the connection.
        request: the checked upgrade request.
        state: the application's lifespan state, not shared with other connections.
        writer: the connection's fast path.
    """
    raw_path, _, query = request.target.partition(b"?")
    return {
        "type": "websocket",
        "asgi": {"version": config.asgi_version, "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "wss" if is_ssl(transport) else "ws",
        "server": get_local_addr(transport),
        "client": get_remote_addr(transport),
        "root_path": config.root_path,
        "path": config.root_path + unquote(raw_path.decode("ascii")),
        "raw_path": config.root_path.encode("ascii") + raw_path,
        "query_string": query,
        "headers": request.headers,
        "subprotocols": list(request.subprotocols),
        "state": state,
        "extensions": {"websocket.http.response": {}, FRAMES_EXTENSION: writer},
    }
