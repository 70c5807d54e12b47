"""A node behind the real edge, in a thread of its own, wired like `threadcast serve`.

Clients speak to it over TCP. Each of them checks what it was sent for things that must never leave
a server, and `unharmed` checks that others noticed nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx2
import pytest

from http_world import AGENTS, LIMITLESS, SECRET, bearer, token
from raw_client import (
    CLOSE,
    DEADLINE_S,
    PING,
    PONG,
    TEXT,
    RawClient,
    Response,
    ServerFrame,
    frame,
    request,
)
from threadcast.agent import Agent
from threadcast.app import WEBSOCKET_PATH
from threadcast.bus import Bus
from threadcast.clock import Clock
from threadcast.edge.config import EdgeConfig
from threadcast.ids import UnifiedIdGenerator
from threadcast.store import Store
from threadcast.testing.server import LocalServer

T = TypeVar("T")

# what a stack trace, our own secret or anybody's token would look like
_NEVER_SENT = (b"Traceback", b'File "', b"site-packages", b"/threadcast/", SECRET.encode(), b"eyJ")

Event = dict[str, Any]


class Talk(RawClient):
    """A raw connection that also speaks the protocol.

    Attributes:
        seen: every payload and every response that the server sent.
        held: events that were passed over while an answer was awaited.
        answers_pings: whether it gives signs of life.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self.seen = bytearray()
        self.held: list[Event] = []
        self.answers_pings = True
        self._asked = 0

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.leave()
        if kind is None:
            for text in _NEVER_SENT:
                assert text not in self.seen, text

    async def read_response(self, *, deadline_s: float = DEADLINE_S) -> Response:
        response = await super().read_response(deadline_s=deadline_s)
        self.seen += repr(response).encode()
        return response

    async def read_frame(self, *, deadline_s: float = DEADLINE_S) -> ServerFrame:
        while (got := await super().read_frame(deadline_s=deadline_s)).opcode == PING:
            if self.answers_pings:
                await self.send(frame(PONG, got.payload))
        self.seen += got.payload
        return got

    async def event(self, *, deadline_s: float = DEADLINE_S) -> Event:
        """The next event: one that was held, or one from the socket."""
        return self.held.pop(0) if self.held else await self._next(deadline_s=deadline_s)

    async def until(self, event_type: str, *, deadline_s: float = DEADLINE_S, **data: Any) -> Event:
        """The next event of this type with these data; those before it are dropped."""
        async with asyncio.timeout(deadline_s):
            while True:
                event = await self.event(deadline_s=deadline_s)
                found = event["event_type"] == event_type
                if found and data.items() <= event["data"].items():
                    return event

    async def until_run(self, event_type: str, run_id: str) -> Event:
        """The next event of this type and run."""
        while (event := await self.until(event_type)).get("run_id") != run_id:
            pass
        return event

    async def say(self, command: str, **fields: Any) -> str:
        """Send a command; its id."""
        self._asked += 1
        fields = {"id": f"c{self._asked}", **fields}
        await self.send_text(json.dumps({"command": command, **fields}))
        return str(fields["id"])

    async def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        """Send a command and wait for its answer, which is to be an acceptance."""
        return await self.accepted(await self.say(command, **fields))

    async def accepted(self, command_id: str) -> dict[str, Any]:
        """The acceptance of a command."""
        answer = await self.answer(command_id)
        assert answer["event_type"] == "command_accepted", answer
        data: dict[str, Any] = answer["data"]
        return data

    async def refused(self, command_id: str | None) -> dict[str, Any]:
        """The rejection of a command."""
        answer = await self.answer(command_id)
        assert answer["event_type"] == "command_rejected", answer
        data: dict[str, Any] = answer["data"]
        assert set(data) - {"retry_after_ms"} == {
            "id",
            "code",
            "message",
            "retryable",
            "request_id",
        }
        return data

    async def answer(self, command_id: str | None) -> Event:
        """The answer to a command, from the socket; other events are held."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                event = await self._next()
                answers = event["event_type"] in ("command_accepted", "command_rejected")
                if answers and event["data"]["id"] == command_id:
                    return event
                self.held.append(event)

    async def ending(self, *, deadline_s: float = DEADLINE_S) -> tuple[int, str]:
        """Read to the end: its close code, and the error that was announced before it."""
        closing: dict[str, Any] = {}
        async with asyncio.timeout(deadline_s):
            while (got := await self.read_frame(deadline_s=deadline_s)).opcode != CLOSE:
                assert not closing, f"after the end was announced came {got}"
                if got.opcode == TEXT:
                    event = json.loads(got.payload)
                    if event["event_type"] == "connection_closing":
                        closing = event["data"]
                    else:
                        self.held.append(event)
        assert closing.get("code", got.code) == got.code
        assert got.payload[2:].decode("ascii") == closing.get("reason", got.payload[2:].decode())
        return got.code, closing.get("error", "")

    async def _next(self, *, deadline_s: float = DEADLINE_S) -> Event:
        event: Event = json.loads(await self.read_text(deadline_s=deadline_s))
        return event


class LiveServer(LocalServer):
    """A running server; `with` starts and stops it.

    Args:
        folder: for the database.
        agents: what answers; the first by default.
        clock, bus: other than the machine's and the settings'.
        store: other than the one in the folder; it is opened and closed with the server.
        settings: other than a small server's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        agents: Sequence[Agent] = AGENTS,
        clock: Clock | None = None,
        store: Store | None = None,
        bus: Bus | None = None,
        **settings: Any,
    ) -> None:
        chosen = {"jwt_secret": SECRET, **LIMITLESS, **settings}
        super().__init__(agents, folder=folder, clock=clock, store=store, bus=bus, **chosen)

    async def settled(self, connections: int, *, deadline_s: float = DEADLINE_S) -> None:
        """Return when the node has that many connections."""

        async def count() -> int:
            await asyncio.sleep(0)
            return len(self.node.manager)

        async with asyncio.timeout(deadline_s):
            while await self.on_loop(count) != connections:
                pass

    async def waiting_bytes(self) -> int:
        """The most that waits in user space for one client to read it."""

        async def most() -> int:
            connections = self._server.server_state.connections
            return max(one.transport.get_write_buffer_size() for one in connections)

        return await self.on_loop(most)

    async def readers(self) -> int:
        """How many readers are inside its doors."""

        async def inside() -> int:
            config = self._server.config
            assert isinstance(config, EdgeConfig)
            return config.doors.inside

        return await self.on_loop(inside)

    async def raw(self, user_id: str | None = None, **more: Any) -> Talk:
        """A WebSocket of a user or of nobody, not greeted yet; see `open_websocket`."""
        headers = [*more.pop("headers", ())]
        if user_id is not None:
            headers.append(("Authorization", f"Bearer {more.pop('token', None) or token(user_id)}"))
        return await Talk.open_websocket(self.port, headers=headers, **more)

    async def upgrade(
        self, *headers: tuple[str, str], path: str = WEBSOCKET_PATH
    ) -> tuple[Response, Talk]:
        """An upgrade request with these headers: the response, and the connection to close."""
        client = await Talk.open(self.port)
        return await client.upgrade(request(path, headers=headers)), client

    @contextlib.asynccontextmanager
    async def talk(
        self, user_id: str, *, after: int | None = None, attach: bool = True, **more: Any
    ) -> AsyncIterator[Talk]:
        """A user's connection, greeted, and attached: live at its head, or after a seq."""
        async with await self.raw(user_id, **more) as client:
            await client.until("connection_ready")
            if attach and after is None:
                await client.ask("attach")
                await client.until("caught_up")
            elif attach:
                await client.ask("attach", after=after)
            yield client

    def http(self, user_id: str | None = None, **more: Any) -> httpx2.AsyncClient:
        """An HTTP client of a user, or of nobody."""
        headers = {} if user_id is None else bearer(user_id, **more)
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=DEADLINE_S)

    @contextlib.asynccontextmanager
    async def unharmed(self, caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
        """Whatever happens in the block: another user's connection goes on, and the log is clean.

        Clean is: no stack trace, no secret and no token.
        """
        caplog.set_level("DEBUG", logger="threadcast")
        async with self.talk("bystander") as other:
            yield
            assert (await other.ask("ping"))["timestamp"] > 0
            sent = await other.ask(
                "send_message", content="still there?", client_message_id=fresh_key()
            )
            done = await other.until_run("agent_completed", sent["run_id"])
            assert done["data"]["content"] == "heard still there?"
            assert done["user_id"] == "bystander"
        assert [record for record in caplog.records if record.exc_info] == []
        assert SECRET not in caplog.text
        assert "eyJ" not in caplog.text


def fresh_key() -> str:
    """A `client_message_id` that was never used."""
    return UnifiedIdGenerator.generate_base_id("message")
