"""A node behind the real edge, in a thread of its own, wired like `threadcast serve`.

Clients connect over TCP. Each checks received data for secrets and stack traces, and `unharmed`
checks that other users were not affected.
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
from patience import WAIT_S
from raw_client import (
    CLOSE,
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

# marks of a stack trace, of our secret or of a token
_NEVER_SENT = (b"Traceback", b'File "', b"site-packages", b"/threadcast/", SECRET.encode(), b"eyJ")

Event = dict[str, Any]


class Talk(RawClient):
    """A raw connection that also speaks the protocol.

    Attributes:
        seen: every payload and response from the server.
        held: events that arrived while an answer was awaited.
        answers_pings: whether it answers pings.
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

    async def read_response(self, *, deadline_s: float = WAIT_S) -> Response:
        response = await super().read_response(deadline_s=deadline_s)
        self.seen += repr(response).encode()
        return response

    async def read_frame(self, *, deadline_s: float = WAIT_S) -> ServerFrame:
        while (got := await super().read_frame(deadline_s=deadline_s)).opcode == PING:
            if self.answers_pings:
                await self.send(frame(PONG, got.payload))
        self.seen += got.payload
        return got

    async def event(self, *, deadline_s: float = WAIT_S) -> Event:
        """The next event, from those held or from the socket."""
        return self.held.pop(0) if self.held else await self._next(deadline_s=deadline_s)

    async def until(self, event_type: str, *, deadline_s: float = WAIT_S, **data: Any) -> Event:
        """The next event of this type with these data; earlier ones are dropped."""
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
        """Send a command and wait for its answer, which must be an acceptance."""
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
        """The answer to a command; other events are held."""
        async with asyncio.timeout(WAIT_S):
            while True:
                event = await self._next()
                answers = event["event_type"] in ("command_accepted", "command_rejected")
                if answers and event["data"]["id"] == command_id:
                    return event
                self.held.append(event)

    async def ending(self, *, deadline_s: float = WAIT_S) -> tuple[int, str]:
        """Read to the end: the close code, and the error announced before it."""
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

    async def _next(self, *, deadline_s: float = WAIT_S) -> Event:
        event: Event = json.loads(await self.read_text(deadline_s=deadline_s))
        return event


class LiveServer(LocalServer):
    """A running server; `with` starts and stops it.

    Args:
        folder: for the database.
        agents: the first is the default.
        clock, bus: by default the machine's and the settings'.
        store: by default one in the folder; opened and closed with the server.
        settings: overrides of a small server's.
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

    async def settled(self, connections: int, *, deadline_s: float = WAIT_S) -> None:
        """Wait until the node has this many connections."""

        async def count() -> int:
            await asyncio.sleep(0)
            return len(self.node.manager)

        async with asyncio.timeout(deadline_s):
            while await self.on_loop(count) != connections:
                pass

    async def emptied(self) -> None:
        """Wait until the server has neither connections, of any kind, nor their tasks."""

        async def anything() -> bool:
            state = self._server.server_state
            return bool(state.connections or state.tasks)

        async with asyncio.timeout(WAIT_S):
            while await self.on_loop(anything):
                pass

    async def waiting_bytes(self) -> int:
        """The most bytes buffered in user space for any one client."""

        async def most() -> int:
            connections = self._server.server_state.connections
            return max(one.transport.get_write_buffer_size() for one in connections)

        return await self.on_loop(most)

    async def readers(self) -> int:
        """The number of admitted readers."""

        async def count() -> int:
            config = self._server.config
            assert isinstance(config, EdgeConfig)
            return config.admission.readers

        return await self.on_loop(count)

    async def raw(self, user_id: str | None = None, **more: Any) -> Talk:
        """A WebSocket, of a user or unauthenticated, before `connection_ready`; see
        `open_websocket`."""
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
        """A user's ready and attached connection: live at its head, or after a seq."""
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
        return httpx2.AsyncClient(
            base_url=self.url,
            headers=headers,
            timeout=WAIT_S,
            verify=False,  # there is no TLS, and to read the authorities takes 15 ms
        )

    @contextlib.asynccontextmanager
    async def unharmed(self, caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
        """Check that during the block another user's connection works and the log is clean.

        A clean log has no stack trace, no secret and no token.
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
    """A new `client_message_id`."""
    return UnifiedIdGenerator.generate_base_id("message")
