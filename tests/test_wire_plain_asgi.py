"""The same rules behind a server that is not ours: Threadcast as a plain ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.types import Message

from http_world import AGENTS, LIMITLESS, SECRET, bearer, token
from live_server import Talk, fresh_key
from patience import WAIT_S
from plain_server import bearer_headers, plain
from raw_client import BINARY, frame, request
from threadcast.app import WEBSOCKET_PATH, Threadcast
from threadcast.settings import Settings


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    async with plain(tmp_path) as (found, _):
        yield found


async def test_a_message_is_answered(port: int) -> None:
    async with await Talk.open_websocket(port, headers=bearer_headers()) as talk:
        await talk.until("connection_ready")
        await talk.ask("attach")
        sent = await talk.ask("send_message", content="x", client_message_id=fresh_key())
        done = await talk.until_run("agent_completed", sent["run_id"])
        assert done["data"]["content"] == "heard x"


async def test_f16_binary_is_not_spoken(port: int) -> None:
    for more in (bearer_headers(), []):
        async with await Talk.open_websocket(port, headers=more) as talk:
            await talk.send(frame(BINARY, b"{}"))
            assert await talk.ending() == (1003, "binary_not_supported")


async def test_j17_nothing_is_done_before_authentication(port: int) -> None:
    async with await Talk.open_websocket(port) as talk:
        refused = await talk.refused(await talk.say("ping"))
        assert refused["code"] == "not_authenticated"
        assert await talk.ending() == (4401, "not_authenticated")


async def test_j18_a_connection_keeps_its_user(port: int) -> None:
    async with await Talk.open_websocket(port, headers=bearer_headers()) as talk:
        await talk.until("connection_ready")
        await talk.refused(await talk.say("authenticate", token=token("u-other")))
        assert await talk.ending() == (4403, "identity_change")


async def test_a25_a_credential_comes_in_time_or_not_at_all(tmp_path: Path) -> None:
    async with (
        plain(tmp_path, authentication_timeout_s=0.2) as (port, _),
        await Talk.open_websocket(port) as talk,
    ):
        assert await talk.ending() == (4408, "authentication_timeout")


async def test_w6_an_origin_that_is_not_ours(port: int) -> None:
    async with await Talk.open(port) as client:
        response = await client.upgrade(request(headers=[("Origin", "https://evil.example")]))
        assert (response.status, response.problem()["code"]) == (403, "origin_not_allowed")


class FaultyServer:
    """A server whose `send` fails once, at the first event after the greeting.

    Attributes:
        sent: what it took.
    """

    def __init__(self, command: str) -> None:
        self.sent: list[Message] = []
        self._failed = False
        self._said = iter(
            [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": command}]
        )
        self._closed = asyncio.Event()

    async def receive(self) -> Message:
        """Two messages; the end, once the application has closed."""
        for message in self._said:
            return message
        await self._closed.wait()
        return {"type": "websocket.disconnect", "code": 1011}

    async def send(self, message: Message) -> None:
        """Take a message, or fail."""
        is_event = message["type"] == "websocket.send"
        if is_event and "connection_ready" not in message["text"] and not self._failed:
            self._failed = True
            raise RuntimeError("this server has a fault")
        self.sent.append(message)
        if message["type"] == "websocket.close":
            self._closed.set()


async def test_a_connection_ends_whose_server_failed_to_send(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = f"sqlite:///{tmp_path / 'events.db'}"
    settings = Settings(database_url=database, jwt_secret=SECRET, drain_s=0.0, **LIMITLESS)
    threadcast = Threadcast(settings, AGENTS)
    server = FaultyServer('{"id": "1", "type": "attach"}')
    scope = {
        "type": "websocket",
        "scheme": "ws",
        "path": WEBSOCKET_PATH,
        "query_string": b"",
        "headers": [
            (b"host", b"127.0.0.1"),
            *((name.encode(), value.encode()) for name, value in bearer("u-wire").items()),
        ],
        "subprotocols": ["threadcast.v1"],
        "client": ("203.0.113.7", 50_000),
    }
    async with threadcast.lifespan():
        async with asyncio.timeout(WAIT_S):
            await threadcast.asgi()(scope, server.receive, server.send)
        assert len(threadcast.node.manager) == 0
    kinds = [message["type"] for message in server.sent]
    assert kinds == ["websocket.accept", "websocket.send", "websocket.close"]
    assert server.sent[-1]["code"] == 1011
    assert "this server has a fault" in caplog.text
