"""A client that records its history for `threadcast.testing.checker`.

It does not use `threadcast.client` but a plain WebSocket, so that server and client cannot share a
mistake.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from patience import WAIT_S
from server_process import token
from threadcast.clock import SystemClock
from threadcast.context import UserExecutionContext
from threadcast.events import TERMINAL_EVENTS
from threadcast.ids import UnifiedIdGenerator
from threadcast.store import Store
from threadcast.store.sqlite import SqliteStore
from threadcast.testing.checker import Anomaly, check
from threadcast.testing.history import (
    Asked,
    Attach,
    Invoke,
    Ok,
    Receive,
    Record,
    Rejected,
    Stored,
    Unknown,
    decode_history,
    encode_record,
)

LINES = Subprotocol("threadcast.v1.lines")


class History:
    """The records of all clients of a test, in one order, and a way to wait for more."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._grew = asyncio.Event()

    def add(self, record: Record) -> None:
        """Write one line."""
        self.records.append(record)
        self.look_again()

    def look_again(self) -> None:
        """Let `until` check again after a change that is not recorded."""
        self._grew.set()

    async def until(self, condition: Callable[[], bool], max_s: float = WAIT_S) -> None:
        """Wait for a condition, which is checked after every record."""
        async with asyncio.timeout(max_s):
            while not condition():
                self._grew.clear()
                await self._grew.wait()

    def count(self, kind: type[Record]) -> int:
        """The number of records of a kind."""
        return sum(isinstance(record, kind) for record in self.records)

    async def add_journals(self, database: Path, users: list[str]) -> None:
        """Record the journals' content; no server may have the database open."""
        await self.add_journals_of(SqliteStore(database, clock=SystemClock(), create=False), users)

    async def add_journals_of(self, store: Store, users: list[str]) -> None:
        """Record the content of this store's journals; it is opened and closed here."""
        await store.open()
        try:
            for user in users:
                await self._add_journal(store, user)
        finally:
            await store.close()

    async def _add_journal(self, store: Store, user: str) -> None:
        session = store.session(UserExecutionContext.create(user, "check"))
        try:
            after = 0
            while page := (await session.page(after, limit=5_000, max_bytes=10_000_000)).events:
                for event in page:
                    data = json.loads(event.data)
                    kind = event.event_type.value
                    self.add(Stored(user, event.seq, kind, data, event.address.run_id))
                after = page[-1].seq
        finally:
            await session.close()

    def judge(self, file: Path) -> list[Anomaly]:
        """Write the history to a file, read it back, and check it."""
        file.write_bytes(b"".join(map(encode_record, self.records)))
        return check(decode_history(file.read_bytes().splitlines()))


def receipt(user: str, reader: str, event: dict[str, Any]) -> Receive:
    """The record of one received journal event."""
    return Receive(
        user,
        reader,
        event["user_id"],
        event["seq"],
        event["event_type"],
        event["data"],
        event.get("run_id"),
        event.get("first_seq"),
    )


class HistoryClient:
    """One user's client: reads everything from one cursor and sends messages.

    Args:
        history: records what it does.
        user: whose it is.
        reader: the name of its cursor.
        messages: how many messages it sends in all.
        in_flight_max: how many may be unanswered at once; with 0 it only reads.
        agent: the agent of its messages.
        content: of each message.
        leaves_when_refused: whether it reconnects after a retryable rejection.
        pause_s: how long it waits between two connections, seconds.
        open_max_s: how long a handshake may take, seconds.
        credential: returns the token of a user.

    Attributes:
        position: the seq up to which it has all events.
        connections: how many of its connections became ready.
        accepted_seq: the seq of its last accepted message.
        open_runs: runs whose message it has received, but not their end.
        farewells: the data of every `connection_closing`.
    """

    def __init__(
        self,
        history: History,
        user: str,
        reader: str,
        *,
        messages: int = 0,
        in_flight_max: int = 0,
        agent: str = "quick",
        content: str = "hello",
        leaves_when_refused: bool = False,
        pause_s: float = 0.0,
        open_max_s: float = 10.0,
        credential: Callable[[str], str] = token,
    ) -> None:
        self.user = user
        self.reader = reader
        self.history = history
        self.position = 0
        self.accepted_seq = 0
        self.connections = 0
        self.open_runs: set[str] = set()
        self.farewells: list[dict[str, Any]] = []
        self._agent = agent
        self._content = content
        self._leaves_when_refused = leaves_when_refused
        self._pause_s = pause_s
        self._open_max_s = open_max_s
        self._credential = credential
        self._in_flight_max = in_flight_max
        self._feed: str | None = None
        self._at: float | None = None
        self._to_send = [f"{reader}-{number}" for number in range(messages, 0, -1)]
        self._accepted: str | None = None
        self._asked: dict[str, str] = {}
        self._may_send = True

    @property
    def reads_only(self) -> bool:
        """Whether it never sends."""
        return not self._in_flight_max

    @property
    def unsettled(self) -> int:
        """The number of its messages that are not accepted yet."""
        return len(self._to_send) + len(self._asked)

    def send_more(self, count: int) -> None:
        """Let it send more messages."""
        start = self.reader + UnifiedIdGenerator.generate_base_id("more")
        self._to_send += [f"{start}-{number}" for number in range(count, 0, -1)]

    async def run(self, port: Callable[[], int], up: asyncio.Event) -> None:
        """Connect whenever a server is up, read and send until it is gone; until cancelled."""
        while True:
            await up.wait()
            with suppress(OSError, EOFError, ConnectionClosed, InvalidHandshake, TimeoutError):
                await self.visit(port())
            await asyncio.sleep(self._pause_s)

    async def visit(self, port: int) -> None:
        """One connection, from its handshake to its end.

        Raises:
            OSError, ConnectionClosed, InvalidHandshake: how it ended.
        """
        headers = {"Authorization": f"Bearer {self._credential(self.user)}"}
        url = f"ws://127.0.0.1:{port}/v1/ws"
        try:
            async with connect(
                url,
                additional_headers=headers,
                subprotocols=[LINES],
                compression=None,
                open_timeout=self._open_max_s,
                close_timeout=1,
                proxy=None,
            ) as socket:
                await self._attach(socket)
                async for message in socket:
                    for line in str(message).split("\n"):
                        await self._hear(socket, json.loads(line))
        finally:
            self._lose_answers()

    async def _attach(self, socket: ClientConnection) -> None:
        ready = json.loads(str(await socket.recv()).split("\n", 1)[0])
        if ready["event_type"] == "connection_closing":
            self._told_to_go(ready["data"])
            raise EOFError(ready["data"]["reason"])
        assert ready["event_type"] == "connection_ready", ready
        self.connections += 1
        self._may_send = True
        command: dict[str, Any] = {"command": "attach", "id": "attach", "after": self.position}
        if self._feed is not None:
            command["feed"] = self._feed
        if self._at is not None:
            command["at"] = self._at
        self.history.add(Asked(self.user, self.reader))
        await socket.send(json.dumps(command))
        if self._accepted is not None and self._in_flight_max:
            await self._send(socket, self._accepted)  # accepted before the cut: safe to repeat
        await self.send_next(socket)

    async def _hear(self, socket: ClientConnection, event: dict[str, Any]) -> None:
        kind, data = event["event_type"], event["data"]
        if "seq" in event:
            self._receive(event)
        elif kind == "attached":
            assert data["feed"] or data["reset"], data
            self._feed = data["feed"]
            after, reset = data["after"], data["reset"]
            attach = Attach(self.user, self.reader, self.position, after, reset, data["head"])
            self.history.add(attach)
            self.position = after
            if reset:
                self.open_runs.clear()
                self.accepted_seq = min(self.accepted_seq, after)
        elif kind == "connection_closing":
            self._told_to_go(data)
        elif kind == "command_rejected" and data["id"] == "attach":
            await socket.close()
        elif kind in ("command_accepted", "command_rejected") and data["id"] in self._asked:
            self._answered(self._asked.pop(data["id"]), data)
            await self.send_next(socket)
            if self._leaves_when_refused and not self._may_send:
                await socket.close()
        await self.act(socket, event)
        self.history.look_again()

    def _told_to_go(self, data: dict[str, Any]) -> None:
        self.farewells.append(data)
        self.history.look_again()

    def _receive(self, event: dict[str, Any]) -> None:
        seq = event["seq"]
        self.position, self._at = seq, event["timestamp"]
        if event["event_type"] == "message_created":
            self.open_runs.add(event["run_id"])
        elif event["event_type"] in TERMINAL_EVENTS:
            self.open_runs.discard(event["run_id"])
        self.history.add(receipt(self.user, self.reader, event))

    async def act(self, socket: ClientConnection, event: dict[str, Any]) -> None:
        """React to a recorded event."""

    def next_key(self) -> str | None:
        """The `client_message_id` of the next message to send now, or None."""
        return self._to_send.pop() if self._to_send else None

    def message(self, key: str) -> dict[str, Any]:
        """The fields of a message; the same on every retry."""
        return {"content": self._content, "agent": self._agent}

    async def send_next(self, socket: ClientConnection) -> None:
        """Send messages within the limit of unanswered ones."""
        while self._may_send and len(self._asked) < self._in_flight_max:
            key = self.next_key()
            if key is None:
                return
            await self._send(socket, key)

    async def _send(self, socket: ClientConnection, key: str) -> None:
        command_id = UnifiedIdGenerator.generate_base_id("command")
        self._asked[command_id] = key
        self.history.add(Invoke(self.user, key))
        command = {
            "command": "send_message",
            "id": command_id,
            "client_message_id": key,
            **self.message(key),
        }
        with suppress(ConnectionClosed):  # what came before the end is still to be read
            await socket.send(json.dumps(command))

    def _answered(self, key: str, data: dict[str, Any]) -> None:
        if "seq" in data:
            self._accepted = key
            self.accepted_seq = max(self.accepted_seq, data["seq"])
            self.history.add(Ok(self.user, key, data["seq"], data["run_id"]))
        elif data["code"] == "unknown_outcome":
            self.history.add(Unknown(self.user, key))
            self._to_send.append(key)
        else:
            self.history.add(Rejected(self.user, key, data["code"]))
            if data["retryable"]:  # the client waits for its next connection
                self._to_send.append(key)
                self._may_send = False

    def _lose_answers(self) -> None:
        """The connection is lost: unanswered messages have an unknown outcome and are sent
        again."""
        for key in self._asked.values():
            self.history.add(Unknown(self.user, key))
            if key != self._accepted:
                self._to_send.append(key)
        self._asked.clear()


class Settling(Protocol):
    """A client with a number of unsettled messages; see `HistoryClient`."""

    user: str
    position: int
    accepted_seq: int
    open_runs: set[str]

    @property
    def unsettled(self) -> int:
        """The number of its messages that are not accepted yet."""
        ...


class RunningServer(Protocol):
    """A server with a port that can be closed."""

    @property
    def port(self) -> int:
        """Where it listens."""
        ...

    async def close(self) -> None:
        """End it, whatever its state."""
        ...


@asynccontextmanager
async def at_work(
    server: RunningServer, clients: Sequence[HistoryClient]
) -> AsyncIterator[asyncio.Event]:
    """Clients that connect whenever the event is set; on leaving the block the server is closed."""
    up = asyncio.Event()
    tasks = [asyncio.create_task(client.run(lambda: server.port, up)) for client in clients]
    try:
        yield up
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        await server.close()
    faults = [fault for fault in ended if not isinstance(fault, asyncio.CancelledError)]
    assert not faults, faults


def at_rest(clients: Sequence[Settling]) -> bool:
    """Whether every message is answered, every run has ended and every reader has seen its end."""
    if any(
        client.unsettled or client.open_runs or client.position < client.accepted_seq
        for client in clients
    ):
        return False
    return len({(client.user, client.position) for client in clients}) == len(
        {client.user for client in clients}
    )
