"""A database is replaced, under servers and clients that stay, by a copy that lost its tail.

Nobody renews a feed. Whoever was given an event that is not there any more is reset, on whichever
server and however attached; whoever was not goes on as if nothing had been.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from database_proxy import DatabaseProxy, proxied
from patience import WAIT_S
from postgres_server import PostgresServer
from server_process import ServerProcess, serving, token
from threadcast.client import Client, Event, Reset, connect

SETTINGS = {"HEAD_POLL_S": "0.2", "LOG_LEVEL": "error", "DATABASE_TIMEOUT_S": "5.0"}


class Databases:
    """A database, a copy of it as it was earlier, and what the servers connect through."""

    def __init__(self, primary: PostgresServer, proxy: DatabaseProxy, url: str) -> None:
        self.primary = primary
        self.proxy = proxy
        self.url = proxy.through(url)
        self.earlier: PostgresServer | None = None

    async def keep_copy(self) -> None:
        """What is stored from now on is what the copy has not."""
        await asyncio.to_thread(self.primary.stop)
        self.earlier = self.primary.copy()
        await asyncio.to_thread(self.primary.start)

    async def fail_over(self) -> None:
        """The database is lost; the copy takes its place."""
        assert self.earlier is not None
        await asyncio.to_thread(self.primary.stop, immediate=True)
        await asyncio.to_thread(self.earlier.start)
        self.proxy.fail_over(self.earlier.port)


@pytest.fixture
async def databases() -> AsyncIterator[Databases]:
    primary = PostgresServer()
    await asyncio.to_thread(primary.start)
    try:
        async with proxied(primary.port) as proxy:
            found = Databases(primary, proxy, await primary.new_schema())
            try:
                yield found
            finally:
                if found.earlier is not None:
                    found.earlier.close()
    finally:
        primary.close()


@asynccontextmanager
async def servers(
    folder: Path, databases: Databases, count: int
) -> AsyncIterator[list[ServerProcess]]:
    """So many servers on one database."""
    async with AsyncExitStack() as stack:
        started = []
        for number in range(count):
            place = folder / f"server-{number}"
            place.mkdir()
            settings = dict(SETTINGS, agents="promise_agents:quick", database_url=databases.url)
            started.append(await stack.enter_async_context(serving(place, **settings)))
        yield started


class Reader:
    """A client that stays connected; each question is about what it saw since the one before."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def answered(self, content: str) -> list[Event | Reset]:
        """Everything up to the end of the answer to this message."""
        return await self._until(
            lambda item: isinstance(item, Event) and item.data.get("content") == f"heard {content}"
        )

    async def was_reset(self) -> list[Event | Reset]:
        """Everything up to a reset; what it was put behind does not come any more."""
        return await self._until(lambda item: isinstance(item, Reset))

    async def _until(self, is_last: Callable[[Event | Reset], bool]) -> list[Event | Reset]:
        seen = []
        async with asyncio.timeout(WAIT_S):
            async for item in self._client:
                seen.append(item)
                if is_last(item):
                    break
        return seen


async def say(server: ServerProcess, user: str, content: str) -> None:
    """Send a message, again and again while the database is away."""
    async with connect(server.url, token(user)) as client, asyncio.timeout(WAIT_S):
        await client.send_message(content, client_message_id=content)


def resets(items: list[Event | Reset]) -> list[tuple[str, int]]:
    return [(item.reason, item.after) for item in items if isinstance(item, Reset)]


def seqs(items: list[Event | Reset]) -> list[int]:
    return [item.seq or 0 for item in items if isinstance(item, Event)]


@pytest.mark.parametrize("count", [1, 2])
async def test_a_lost_tail_resets_every_cursor_that_it_touches_and_no_other(
    tmp_path: Path, databases: Databases, count: int
) -> None:
    async with servers(tmp_path, databases, count) as nodes, AsyncExitStack() as stack:

        async def reader(node: ServerProcess, user: str) -> Reader:
            client = connect(node.url, token(user), after=0)
            return Reader(await stack.enter_async_context(client))

        touched = [await reader(node, "ann") for node in nodes for _ in range(2)]
        others = [await reader(node, "bob") for node in nodes]
        stream = await stack.enter_async_context(streaming(nodes[-1], "ann"))
        await say(nodes[0], "ann", "kept")
        await say(nodes[0], "bob", "kept")
        kept = {seqs(await one.answered("kept"))[-1] for one in touched}.pop()
        await asyncio.gather(*(one.answered("kept") for one in others))
        await databases.keep_copy()
        await say(nodes[0], "ann", "lost")
        for one in touched:
            assert resets(await one.answered("lost")) == []
        assert seqs_of_blocks(await stream.until(b"heard lost"))[-1] > kept
        await databases.fail_over()
        await say(nodes[0], "ann", "new")
        await say(nodes[0], "bob", "new")
        for one in touched:
            assert seqs(await one.was_reset()) == []
        blocks = await stream.was_reset()  # to the head of now: what is said later is delivered
        await say(nodes[-1], "ann", "newer")
        for one in touched:
            seen = await one.answered("newer")
            assert resets(seen) == []
            assert seqs(seen) == sorted(set(seqs(seen)))
        for one in others:
            seen = await one.answered("new")
            assert resets(seen) == []
            assert seqs(seen)[0] == kept + 1
        blocks += await stream.until(b"heard newer")
        (reset,) = [block for block in blocks if block.get("event") == "attached"]
        assert json.loads(reset["data"])["data"]["reason"] == "diverged"


class Stream:
    """A reader of server-sent events."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def until(self, text: bytes) -> list[dict[str, str]]:
        """Blocks up to the first whose data ends an answer with this text."""
        return await self._blocks("agent_completed", text.decode())

    async def was_reset(self) -> list[dict[str, str]]:
        """Blocks up to the first that says where the cursor is now."""
        return await self._blocks("attached", "")

    async def _blocks(self, event: str, text: str) -> list[dict[str, str]]:
        blocks: list[dict[str, str]] = [{}]
        async with asyncio.timeout(WAIT_S):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if line:
                    blocks[-1][name] = value
                elif blocks[-1].get("event") == event and text in blocks[-1]["data"]:
                    return blocks
                else:
                    blocks.append({})
        raise AssertionError("the stream ended")


def seqs_of_blocks(blocks: list[dict[str, str]]) -> list[int]:
    return [int(block["id"].partition(":")[2]) for block in blocks if "id" in block]


@asynccontextmanager
async def streaming(server: ServerProcess, user: str) -> AsyncIterator[Stream]:
    """A stream of events from the beginning of a journal."""
    headers = {"Authorization": f"Bearer {token(user)}"}
    async with (
        httpx2.AsyncClient(timeout=WAIT_S) as client,
        client.stream("GET", f"{server.url}/v1/events?after=0", headers=headers) as response,
    ):
        assert response.status_code == 200
        yield Stream(response.aiter_lines())
