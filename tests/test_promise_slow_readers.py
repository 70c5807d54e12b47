"""A slow reader lags, costs bounded memory, and slows down nobody else.

Fifty readers whose TCP window is closed, beside three that read, while a thousand events a second
are committed. Then the fifty read on, from the journal, and have missed nothing.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

from history_client import History, HistoryClient, RunningServer, at_rest, at_work, receipt
from promise_agents import pour
from raw_client import TEXT, RawClient, request
from server_process import SECRET, ServerProcess, token
from threadcast.app import WEBSOCKET_PATH, Threadcast
from threadcast.cli.serve import edge_limits
from threadcast.connections.connection import Connection
from threadcast.delivery.outbound import FrameOutbound
from threadcast.edge import ServeOptions, build_server
from threadcast.settings import Settings
from threadcast.testing.history import Attach

STALLED = 50
READING = 3
PER_SECOND = 1_000
EVENTS = 4_000
HELD_MAX_BYTES = 262_144
OTHER_GROWTH_BYTES = 24 * 1_048_576
RECEIVE_BUFFER_BYTES = 2_048


class ServerHere:
    """A whole server in this process, so that a test can look at its connections."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "journal.db"
        settings = Settings(
            database_url=f"sqlite:///{self.database}",
            jwt_secret=SECRET,
            max_connections_per_user=STALLED + 2 * READING,
            drain_s=0.0,
        )
        self._threadcast = Threadcast(settings, [pour], listens_on="127.0.0.1")
        self.node = self._threadcast.node
        self._server = build_server(
            self._threadcast.asgi(),
            host="127.0.0.1",
            port=0,
            limits=edge_limits(settings, drain_max_s=self.node.drain_max_s),
            before_shutdown=self.node.drain,
            options=ServeOptions(websocket_paths=(WEBSOCKET_PATH,), lifespan="off"),
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.bound_port

    async def start(self) -> None:
        """Start it and wait until it listens."""
        self._task = asyncio.create_task(self._serve())
        await self._server.wait_ready()

    async def close(self) -> None:
        """Stop it; idempotent."""
        self._server.stop()
        if self._task is not None:
            await self._task

    async def _serve(self) -> None:
        async with self._threadcast.lifespan():
            await self._server.serve()

    def connections(self) -> list[Connection]:
        """What is connected."""
        return [one for one in self.node.manager if isinstance(one, Connection)]


class StalledReader:
    """A connection that is attached and does not read until it is told to."""

    def __init__(self, client: RawClient, name: str) -> None:
        self.position = 0
        self._client = client
        self._transport = cast("asyncio.Transport", client.writer.transport)
        self._name = name

    async def attach(self, history: History) -> None:
        """Attach at the beginning, and stop reading."""
        assert "connection_ready" in await self._client.read_text()
        self._transport.pause_reading()
        await self._client.send_text('{"command":"attach","id":"a","after":0}')
        history.add(Attach("ann", self._name, 0, 0))

    async def read_on(self, history: History, head: int) -> None:
        """Read until the head is reached."""
        narrow = self._transport.get_extra_info("socket")
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self._transport.resume_reading()
        while self.position < head:
            frame = await self._client.read_frame(deadline_s=30.0)
            events: list[dict[str, Any]] = []
            if frame.opcode == TEXT:
                events = [json.loads(line) for line in frame.payload.split(b"\n")]
            for event in events:
                if "seq" in event:
                    history.add(receipt("ann", self._name, event))
                    self.position = event["seq"]


async def narrow_client(port: int) -> RawClient:
    """A client whose kernel takes few bytes that nobody reads, in segments that fit into them."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    narrow.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, RECEIVE_BUFFER_BYTES // 4)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", port))
    return RawClient(*await asyncio.open_connection(sock=narrow, limit=1_048_576))


@asynccontextmanager
async def stalled_readers(port: int, history: History) -> AsyncIterator[list[StalledReader]]:
    """Readers with a closed window, attached at the beginning of an empty journal."""
    headers = [
        ("Authorization", f"Bearer {token('ann')}"),
        ("Sec-WebSocket-Protocol", "threadcast.v1.lines"),
    ]
    async with AsyncExitStack() as stack:
        readers = []
        for number in range(STALLED):
            client = await stack.enter_async_context(await narrow_client(port))
            assert (await client.upgrade(request(headers=headers))).status == 101
            reader = StalledReader(client, f"stalled-{number}")
            await reader.attach(history)
            readers.append(reader)
        yield readers


async def pour_past_them(
    server: RunningServer, history: History, *, look: Callable[[], None]
) -> None:
    """The whole scene; `look` is called many times while events come."""
    clients = [HistoryClient(history, "ann", f"reading-{number}") for number in range(READING)]
    clients.append(
        HistoryClient(
            history,
            "ann",
            "sender",
            messages=1,
            in_flight_max=1,
            agent="pour",
            content=f"{PER_SECOND} {EVENTS}",
        )
    )

    def over() -> bool:
        look()
        return at_rest(clients)

    async with stalled_readers(server.port, history) as stalled, at_work(server, clients) as up:
        up.set()
        await history.until(over, max_s=60.0)
        head = clients[0].position
        assert head > EVENTS
        assert max(reader.position for reader in stalled) == 0
        await asyncio.gather(*(reader.read_on(history, head) for reader in stalled))


async def test_what_is_held_for_slow_readers_is_bounded(tmp_path: Path) -> None:
    server = ServerHere(tmp_path)
    history = History()
    held: list[int] = []
    congested: set[Connection] = set()

    def look() -> None:
        connections = server.connections()
        ways_out = [cast(FrameOutbound, one.outbound) for one in connections]
        held.append(max(one.buffered_bytes for one in ways_out))
        congested.update(one for one in connections if one.outbound.congested)

    await server.start()
    await pour_past_them(server, history, look=look)
    assert len(congested) >= STALLED
    assert max(held) <= HELD_MAX_BYTES
    await history.add_journals(server.database, ["ann"])
    assert history.judge(tmp_path / "history.jsonl") == []


async def test_a_server_does_not_grow_with_its_slow_readers(tmp_path: Path) -> None:
    server = ServerProcess(
        tmp_path, agents="promise_agents:pour", MAX_CONNECTIONS_PER_USER=str(STALLED + 2 * READING)
    )
    history = History()
    resident: list[int] = []
    try:
        await server.start()
        resident.append(server.resident_bytes())
        await pour_past_them(server, history, look=lambda: resident.append(server.resident_bytes()))
    finally:
        await server.close()
    growth = max(resident) - resident[0]
    assert growth <= STALLED * HELD_MAX_BYTES + OTHER_GROWTH_BYTES
    await history.add_journals(server.database, ["ann"])
    assert history.judge(tmp_path / "history.jsonl") == []
