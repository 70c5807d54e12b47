"""The same rules behind a server that is not ours: Threadcast as a plain ASGI application."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from http_world import AGENTS, LIMITLESS, SECRET, token
from live_server import Talk, fresh_key
from raw_client import BINARY, frame, request
from threadcast.app import Threadcast
from threadcast.settings import Settings


@asynccontextmanager
async def plain(tmp_path: Path, **changes: Any) -> AsyncIterator[int]:
    """The port of a stock uvicorn with Threadcast in it."""
    chosen = {"database_url": f"sqlite:///{tmp_path / 'events.db'}", "jwt_secret": SECRET}
    settings = Settings(**{**chosen, "drain_s": 0.0, **LIMITLESS, **changes})
    threadcast = Threadcast(settings, AGENTS, listens_on="127.0.0.1")
    config = uvicorn.Config(
        threadcast.asgi(), ws="websockets-sansio", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with threadcast.lifespan():
            serving = asyncio.ensure_future(server.serve([listener]))
            try:
                yield listener.getsockname()[1]
            finally:
                server.should_exit = True
                await serving


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    async with plain(tmp_path) as found:
        yield found


def headers(user_id: str = "u-wire") -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {token(user_id)}")]


async def test_a_message_is_answered(port: int) -> None:
    async with await Talk.open_websocket(port, headers=headers()) as talk:
        await talk.until("connection_ready")
        await talk.ask("attach")
        sent = await talk.ask("send_message", content="x", client_message_id=fresh_key())
        done = await talk.until_run("agent_completed", sent["run_id"])
        assert done["data"]["content"] == "heard x"


async def test_f16_binary_is_not_spoken(port: int) -> None:
    for more in (headers(), []):
        async with await Talk.open_websocket(port, headers=more) as talk:
            await talk.send(frame(BINARY, b"{}"))
            assert await talk.ending() == (1003, "binary_not_supported")


async def test_j17_nothing_is_done_before_authentication(port: int) -> None:
    async with await Talk.open_websocket(port) as talk:
        refused = await talk.refused(await talk.say("ping"))
        assert refused["code"] == "not_authenticated"
        assert await talk.ending() == (4401, "not_authenticated")


async def test_j18_a_connection_keeps_its_user(port: int) -> None:
    async with await Talk.open_websocket(port, headers=headers()) as talk:
        await talk.until("connection_ready")
        await talk.refused(await talk.say("authenticate", token=token("u-other")))
        assert await talk.ending() == (4403, "identity_change")


async def test_a25_a_credential_comes_in_time_or_not_at_all(tmp_path: Path) -> None:
    limits = {"authentication_timeout_s": 0.2}
    async with plain(tmp_path, **limits) as port, await Talk.open_websocket(port) as talk:
        assert await talk.ending() == (4408, "authentication_timeout")


async def test_w6_an_origin_that_is_not_ours(port: int) -> None:
    async with await Talk.open(port) as client:
        response = await client.upgrade(request(headers=[("Origin", "https://evil.example")]))
        assert (response.status, response.problem()["code"]) == (403, "origin_not_allowed")
