"""Threadcast as a plain ASGI application behind another server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn

from http_world import AGENTS, LIMITLESS, SECRET, token
from threadcast.app import Threadcast
from threadcast.bus import Bus
from threadcast.settings import Settings


@asynccontextmanager
async def plain(
    tmp_path: Path, *, bus: Bus | None = None, **changes: Any
) -> AsyncIterator[tuple[int, Threadcast]]:
    """A stock uvicorn with Threadcast: its port, and the application."""
    chosen = {"database_url": f"sqlite:///{tmp_path / 'events.db'}", "jwt_secret": SECRET}
    settings = Settings(**{**chosen, "drain_s": 0.0, **LIMITLESS, **changes})
    threadcast = Threadcast(settings, AGENTS, listens_on="127.0.0.1", bus=bus)
    config = uvicorn.Config(
        threadcast.asgi(), ws="websockets-sansio", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with threadcast.lifespan():
            serving = asyncio.ensure_future(server.serve([listener]))
            try:
                yield listener.getsockname()[1], threadcast
            finally:
                server.should_exit = True
                await serving


def bearer_headers(user_id: str = "u-wire") -> list[tuple[str, str]]:
    """The header of a user's upgrade request."""
    return [("Authorization", f"Bearer {token(user_id)}")]
