"""A node behind its HTTP routes, without a socket: real store, real journal, real runs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from starlette.routing import Router
from starlette.types import ASGIApp, Message

from patience import DATABASE_WAIT_S, WAIT_S
from threadcast.agent import Agent, Run
from threadcast.auth.dev_tokens import mint
from threadcast.bus import Bus
from threadcast.clock import Clock
from threadcast.http import http_routes
from threadcast.ids import UnifiedIdGenerator
from threadcast.node import Node
from threadcast.settings import Settings
from threadcast.store import Store

SECRET = "http-tests-9d1f60b7c2e84a5b93d6e7f8a1b2"
BASE_URL = "http://127.0.0.1"

LIMITLESS: dict[str, Any] = {
    "commands_per_s": 100_000.0,
    "commands_burst": 1_000_000,
    "requests_per_s": 100_000.0,
    "requests_burst": 1_000_000,
    "run_starts_per_s": 100_000.0,
    "run_starts_burst": 1_000_000,
    "unauthenticated_per_address": 100_000,
    "database_timeout_s": DATABASE_WAIT_S,
}


async def answer(run: Run) -> str:
    """An agent that answers at once."""
    return f"heard {run.message}"


async def ask(run: Run) -> str:
    """An agent that waits for a person."""
    return f"got {await run.ask('Which one?')}"


NAMED = {"x-request-id": "req_test_1763629200001_7_90c65fe4"}
"""Requests with this header have one id, so that their answers can be compared as a whole."""

AGENTS = (Agent("answer", answer), Agent("ask", ask))


def token(user_id: str, *, scopes: Iterable[str] = (), **more: Any) -> str:
    """A valid token; `now`, `lifetime_s` and `token_id` may be given."""
    arguments = {"now": time.time() - 1, "lifetime_s": 3_600.0, **more}
    return mint(SECRET, user_id, scopes=scopes, **arguments)


def bearer(user_id: str, **more: Any) -> dict[str, str]:
    """The `Authorization` header of a user."""
    return {"authorization": f"Bearer {token(user_id, **more)}"}


def fresh_id(kind: str) -> str:
    """An unused id of kind thread, run or request."""
    return str(getattr(UnifiedIdGenerator.generate_user_context_ids("u", "chat"), f"{kind}_id"))


class World:
    """One node and its application."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.app: ASGIApp = Router(routes=http_routes(node))

    def client(
        self, user_id: str | None = None, *, address: str = "203.0.113.7", **more: Any
    ) -> httpx2.AsyncClient:
        """An HTTP client of a user, or an unauthenticated one."""
        transport = httpx2.ASGITransport(app=self.app, client=(address, 50_000))
        headers = {} if user_id is None else bearer(user_id, **more)
        return httpx2.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers)

    async def thread(self, user_id: str, **body: Any) -> str:
        """A new thread of a user."""
        async with self.client(user_id) as client:
            created = await client.post("/v1/threads", json=body)
            assert created.status_code == 201, created.text
            return str(created.json()["thread_id"])

    async def message(self, user_id: str, thread_id: str, content: str, **body: Any) -> Any:
        """A message in a thread; the answer's document."""
        key = UnifiedIdGenerator.generate_base_id("message")
        body = {"content": content, "client_message_id": key, **body}
        async with self.client(user_id) as client:
            sent = await client.post(f"/v1/threads/{thread_id}/messages", json=body)
            assert sent.status_code == 202, sent.text
            return sent.json()


@contextlib.asynccontextmanager
async def running(
    tmp_path: Path,
    *,
    agents: Sequence[Agent] = AGENTS,
    clock: Clock | None = None,
    store: Store | None = None,
    bus: Bus | None = None,
    **changes: Any,
) -> AsyncIterator[World]:
    """A world with these settings, from its start to its stop."""
    database = f"sqlite:///{tmp_path / 'events.db'}"
    chosen = {
        "database_url": database,
        "jwt_secret": SECRET,
        "drain_s": 0.0,
        **LIMITLESS,
        **changes,
    }
    settings = Settings(**chosen)
    node = Node(settings, agents, listens_on="127.0.0.1", clock=clock, store=store, bus=bus)
    await node.start()
    try:
        yield World(node)
    finally:
        await node.stop()


class Block(msgspec.Struct, frozen=True):
    """One block of an event stream; a comment has only `comment`."""

    event: str | None = None
    id: str | None = None
    data: Any = None
    retry: str | None = None
    comment: str | None = None


class Stream:
    """One `GET /v1/events` on the ASGI level, read block by block."""

    def __init__(self, app: ASGIApp, headers: dict[str, str], query: str = "") -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.reading = asyncio.Event()  # cleared by tests: a client that does not read
        self.reading.set()
        self._text = b""
        self._grew = asyncio.Event()
        self._left = asyncio.Event()
        self.ended = False
        self.fault: Exception | None = None  # what the next piece meets, once
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/v1/events",
            "raw_path": b"/v1/events",
            "root_path": "",
            "query_string": query.encode(),
            "headers": [
                (b"host", b"127.0.0.1"),
                *((name.encode(), value.encode()) for name, value in headers.items()),
            ],
            "client": ("203.0.113.7", 50_000),
            "server": ("127.0.0.1", 80),
        }
        self._task = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {key.decode(): value.decode() for key, value in message["headers"]}
        else:
            await self.reading.wait()
            if self.fault is not None:
                fault, self.fault = self.fault, None
                raise fault
            self._text += message["body"]
            self.ended = not message.get("more_body", False)
        self._grew.set()

    @property
    def rest(self) -> bytes:
        """What has come and was not read."""
        return self._text

    async def block(self) -> Block:
        """The next block."""
        async with asyncio.timeout(WAIT_S):
            while b"\n\n" not in self._text:
                assert not self.ended, f"the stream ended: {self._text!r}"
                self._grew.clear()
                await self._grew.wait()
        raw, _, self._text = self._text.partition(b"\n\n")
        fields = dict(line.split(": ", 1) for line in raw.decode().split("\n"))
        data = msgspec.json.decode(fields["data"]) if "data" in fields else None
        return Block(
            fields.get("event"), fields.get("id"), data, fields.get("retry"), fields.get("")
        )

    async def until(self, event_type: str) -> Block:
        """The next block of this type; earlier ones are dropped."""
        async with asyncio.timeout(WAIT_S):  # keepalives are blocks too
            while (block := await self.block()).event != event_type:
                pass
        return block

    async def body(self) -> Any:
        """The whole answer as JSON, if it is no stream."""
        async with asyncio.timeout(WAIT_S):
            await self._task
        return msgspec.json.decode(self._text)

    async def finished(self) -> None:
        """Wait for the application to return."""
        async with asyncio.timeout(WAIT_S):
            await self._task

    async def leave(self) -> None:
        """Disconnect and wait for the application to notice."""
        self._left.set()
        await self.finished()
