"""Fixtures for tests of buses: hints of every kind, recording ends, NATS buses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from patience import WAIT_S
from threadcast.bus import (
    Bus,
    ConnectionUnwanted,
    Hint,
    HintsMissed,
    JournalGrew,
    JournalReached,
    RunSignal,
    SessionsRevoked,
)
from threadcast.bus.nats import NatsBus, NatsEndpoint
from threadcast.clock import Clock, SystemClock
from threadcast.events import Address, EventType, JournalEvent, timestamp_text
from threadcast.metrics import Metrics
from threadcast.settings import Settings

SECRET = b"the secret of one database, of 32 bytes or more"
THREAD_ID = "thread_chat_1763629200001_7_90c65fe4"
RUN_ID = "run_chat_1763629200001_7_90c65fe4"


def events_of(user_id: str, count: int = 1, *, first: int = 1, data: str = "x") -> list[Any]:
    """Committed events of this user, without gaps from `first`."""
    addresses = [Address(user_id, THREAD_ID, None), Address(user_id, THREAD_ID, RUN_ID)]
    return [
        JournalEvent(
            EventType.AGENT_DELTA,
            timestamp_text(1_763_629_200_000_000 + seq),
            addresses[seq % 2],
            seq,
            b'{"text":"%b"}' % data.encode(),
        )
        for seq in range(first, first + count)
    ]


def grew(user_id: str, count: int = 1, *, first: int = 1, data: str = "x") -> JournalGrew:
    """A hint that a user's journal grew."""
    return JournalGrew(user_id, events_of(user_id, count, first=first, data=data))


def about(user_id: str, node_id: str) -> list[Hint]:
    """One hint of every kind that other nodes receive."""
    return [
        grew(user_id, 3),
        JournalReached(user_id, 900),
        RunSignal(RUN_ID, node_id),
        SessionsRevoked(user_id),
        ConnectionUnwanted(user_id, "ws_conn_1763629200001_7_90c65fe4", "forced_close"),
    ]


def said(hint: Hint) -> object:
    """A comparable form of a hint: events as the bytes that clients get."""
    if isinstance(hint, JournalGrew):
        return hint.user_id, [(event.seq, event.payload) for event in hint.events]
    return hint


class End:
    """One node's end of a bus; records every hint except those about the bus itself.

    Args:
        bus: open, or opened later.
        tells: whether the bus reports that a follow has begun.
    """

    def __init__(self, bus: Bus, *, tells: bool = False) -> None:
        self.bus = bus
        self.heard: list[Hint] = []
        self.missed: list[str] = []
        self._tells = tells
        self._changed = asyncio.Event()
        self.stop: Callable[[], None] = bus.listen(self._hear)

    def _hear(self, hint: Hint) -> None:
        if isinstance(hint, HintsMissed):
            self.missed += hint.user_ids
        else:
            self.heard.append(hint)
        self._changed.set()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for a condition, which is checked after each hint."""
        async with asyncio.timeout(WAIT_S):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    async def follow(self, user_id: str) -> None:
        """Follow a user, and return when hints surely arrive."""
        self.bus.follow(user_id)
        if self._tells:
            await self.until(lambda: user_id in self.missed)

    async def next(self, count: int = 1) -> list[Hint]:
        """The next `count` hints."""
        await self.until(lambda: len(self.heard) >= count)
        first, self.heard[:count] = self.heard[:count], []
        return first


class Nats:
    """The buses of one test, on one server.

    Args:
        stack: closes them.
    """

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.metrics: dict[str, Metrics] = {}

    async def end(self, url: str, node_id: str = "node_a", **settings: Any) -> End:
        """The bus of a node, connected: a first attempt may fail on a busy machine."""
        end = await self.opened(url, node_id, **settings)
        await end.until(lambda: end.bus.connected)
        return end

    async def opened(self, url: str, node_id: str = "node_a", **settings: Any) -> End:
        """The bus of a node after its first attempt to connect, which may have failed."""
        bus = self.bus(url, node_id, **settings)
        end = End(bus, tells=True)
        self._stack.push_async_callback(bus.close)
        await bus.open()
        return end

    def bus(
        self,
        url: str,
        node_id: str = "node_a",
        *,
        secret: bytes = SECRET,
        heartbeat_s: float = WAIT_S,  # a link is lost where a test says so, not by a busy machine
        executes_runs: bool = True,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        **settings: Any,
    ) -> NatsBus:
        """A bus that is not open."""

        async def give() -> bytes:
            return secret

        chosen = Settings(database_url="postgresql://u@h/d", bus_url=url, **settings)
        metrics = self.metrics[node_id] = Metrics()
        return NatsBus(
            NatsEndpoint.of(chosen),
            give,
            node_id,
            metrics,
            clock or SystemClock(),
            message_max_bytes=chosen.bus_message_max_bytes,
            buffer_max_bytes=chosen.bus_buffer_max_bytes,
            heartbeat_s=heartbeat_s,
            executes_runs=executes_runs,
            sleep=sleep,
        )

    def count(self, node_id: str, name: str, **labels: str) -> float:
        """A counter of a node's bus."""
        name = f"threadcast_bus_{name}_total"
        return self.metrics[node_id].registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def nats_buses() -> AsyncIterator[Nats]:
    """NATS buses that are closed after the block."""
    async with AsyncExitStack() as stack:
        yield Nats(stack)
