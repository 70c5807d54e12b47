"""Delivery without sockets: a real store, journal and bus, and readers that write to a list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any, TypeVar

import apsw

from patience import WAIT_S
from store_scene import NOW, context_of, delta, message
from threadcast.bus import Hint, JournalGrew, LocalBus
from threadcast.context import UserExecutionContext
from threadcast.delivery.arrivals import Arrivals
from threadcast.delivery.catch_ups import CatchUps
from threadcast.delivery.cursor import Cursor
from threadcast.delivery.guard import DeliveryGuard
from threadcast.delivery.journal import Journal
from threadcast.delivery.lulls import Lulls
from threadcast.delivery.resume import Position, ResumePoint
from threadcast.errors import ThreadcastError
from threadcast.events import ConnectionEventType, EventDraft, JournalEvent
from threadcast.metrics import Metrics
from threadcast.store.records import JournalHead, JournalPage
from threadcast.store.session import RequestScopedSessionFactory
from threadcast.store.sqlite import SqliteStore
from threadcast.store.sqlite.sessions import SqliteSession
from threadcast.store.units import AppendToRun, ClaimedRun, ClaimRuns, CreateThread, Outcome, Unit
from threadcast.testing.clock import ManualClock

T = TypeVar("T")


class Gate:
    """A gate that a test can close; arrivals are counted and wait."""

    def __init__(self) -> None:
        self.arrived = 0
        self._open = asyncio.Event()
        self._open.set()
        self._came = asyncio.Event()

    def close(self) -> None:
        """Let nobody through."""
        self._open.clear()

    def open(self) -> None:
        """Let everybody through."""
        self._open.set()

    async def passed(self) -> None:
        """Pass when the gate is open."""
        self.arrived += 1
        self._came.set()
        await self._open.wait()

    async def next_arrival(self) -> None:
        """Wait for the next arrival."""
        self._came.clear()
        async with asyncio.timeout(WAIT_S):
            await self._came.wait()


class GatedSession(SqliteSession):
    """A real session that waits at a gate after its read of the head or of a page."""

    gate: Gate

    async def journal(self, token_id: str | None = None) -> JournalHead:
        """Read, then wait at the gate."""
        head = await super().journal(token_id)
        await self.gate.passed()
        return head

    async def page(
        self, after: int, *, limit: int, max_bytes: int, thread_id: str | None = None
    ) -> JournalPage:
        """Read, then wait at the gate."""
        page = await super().page(after, limit=limit, max_bytes=max_bytes, thread_id=thread_id)
        await self.gate.passed()
        return page


class GatedStore(SqliteStore):
    """A real store with gates and faults.

    Attributes:
        reads: after every read of a head or of a page by a session.
        commits: before every commit.
        batches: the units of every commit.
        faults: what the next commits raise before they begin; None: no fault.
        read_faults: the same for the next sessions.
        head_reads: before every query for heads.
        head_faults: what the next such queries raise.
        departure_faults: what the next queries for users with runs to end raise.
        lost: how often the connection to the database was lost.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, clock=ManualClock(NOW))
        self.path = path
        self.reads = Gate()
        self.commits = Gate()
        self.batches: list[Sequence[Unit[Any]]] = []
        self.faults: list[BaseException | None] = []
        self.read_faults: list[ThreadcastError] = []
        self.head_reads = Gate()
        self.head_faults: list[ThreadcastError] = []
        self.departure_faults: list[ThreadcastError] = []
        self.lost = 0

    @property
    def losses(self) -> int:
        """The number set by a test."""
        return self.lost

    async def commit(self, units: Sequence[Unit[Any]], *, now: float) -> list[Outcome]:
        """Wait, then commit, or fail."""
        self.batches.append(units)
        await self.commits.passed()
        if self.faults and (fault := self.faults.pop(0)) is not None:
            raise fault
        return await super().commit(units, now=now)

    def session(self, context: UserExecutionContext) -> GatedSession:
        """A session with a gate."""
        if self.read_faults:
            raise self.read_faults.pop(0)
        session = GatedSession(self._readers, context.user_id, self._clock)
        session.gate = self.reads
        return session

    async def heads(self, user_ids: Collection[str]) -> dict[str, int]:
        """Read, or fail."""
        await self.head_reads.passed()
        if self.head_faults:
            raise self.head_faults.pop(0)
        return await super().heads(user_ids)

    async def abandoned(self, *, limit: int, among: Sequence[str] | None = None) -> list[str]:
        """Read, or fail."""
        if self.departure_faults:
            raise self.departure_faults.pop(0)
        return await super().abandoned(limit=limit, among=among)


class Sink:
    """An `Outbound` that records events, with congestion set by the test.

    Attributes:
        events: all delivered events.
        writes: the bytes of each write.
        room_events: it is congested after this many more events; None: never.
    """

    def __init__(self) -> None:
        self.on_drain: Any = None
        self.events: list[JournalEvent] = []
        self.writes: list[int] = []
        self.room_events: int | None = None
        self.refused = False
        self._grew = asyncio.Event()

    @property
    def congested(self) -> bool:
        """Whether it has no room."""
        return self.room_events is not None and self.room_events <= 0

    def deliver(self, events: Sequence[JournalEvent]) -> None:
        """Record events."""
        assert events, "an empty delivery"
        self.refused = self.refused or self.congested
        self.events += events
        self.writes.append(sum(len(event.data) for event in events))
        if self.room_events is not None:
            self.room_events -= len(events)
        self._grew.set()

    def say(self, event_type: ConnectionEventType, payload: bytes) -> None:
        """Not called by cursors."""
        raise AssertionError((event_type, payload))

    def together(self) -> AbstractContextManager[None]:
        """Cursors write one thing at a time."""
        raise AssertionError

    @property
    def seqs(self) -> list[int]:
        """The delivered seqs, merged ones expanded."""
        return [seq for event in self.events for seq in seqs_of(event)]

    async def until(self, count: int) -> None:
        """Wait until this many seqs were delivered."""
        async with asyncio.timeout(WAIT_S):
            while len(self.seqs) < count:
                self._grew.clear()
                await self._grew.wait()


def seqs_of(event: JournalEvent) -> range:
    """The seqs that an event covers."""
    return range(event.seq if event.first_seq is None else event.first_seq, event.seq + 1)


class Reader:
    """A cursor with its sink; gets the bus's hints as the manager would pass them."""

    def __init__(self, delivery: Delivery, user_id: str) -> None:
        self.sink = Sink()
        self.lived: list[int] = []
        self.fell = 0
        self.resets: list[ResumePoint] = []
        self.stopped = asyncio.Event()
        self._lived = asyncio.Event()
        self._fell = asyncio.Event()
        self.cursor = Cursor(
            context_of(user_id),
            self.sink,
            delivery.catch_ups,
            on_live=self._on_live,
            on_behind=self._on_behind,
            on_foreign=self._on_foreign,
            on_reset=self._on_reset,
        )
        self.user_id = user_id
        self.stop_listening = delivery.bus.listen(self._hear)

    def _hear(self, hint: Hint) -> None:
        if isinstance(hint, JournalGrew) and hint.user_id == self.user_id:
            self.cursor.offer(hint.events)

    def _on_live(self, seq: int) -> None:
        self.lived.append(seq)
        self._lived.set()

    def _on_foreign(self) -> None:
        self.stopped.set()

    def _on_reset(self, point: ResumePoint) -> None:
        self.resets.append(point)

    def _on_behind(self) -> None:
        self.fell += 1
        self._lived.clear()
        self._fell.set()

    async def attach(self, after: int | None = None, **wanted: Any) -> ResumePoint:
        """Attach and start delivery."""
        self._lived.clear()
        attached = await self.cursor.attach(Position(after, **wanted))
        self.cursor.start()
        return attached

    async def live(self) -> None:
        """Wait until the cursor is at the head."""
        async with asyncio.timeout(WAIT_S):
            await self._lived.wait()

    async def behind(self) -> None:
        """Wait until the cursor has fallen behind for the first time."""
        async with asyncio.timeout(WAIT_S):
            await self._fell.wait()

    def drain(self, room_events: int | None = None) -> None:
        """The sink has room again."""
        self.sink.room_events = room_events
        self.cursor.drained()


class Delivery:
    """The delivery of one node.

    Attributes:
        running: the task that commits.
        lulls: those of its journal.
        alarms: how often the guard reported a stopped delivery.
    """

    running: asyncio.Task[None]

    def __init__(
        self,
        store: GatedStore,
        *,
        page_bytes: int,
        batch: int,
        queue: int,
        arrivals: int,
        gap_grace_s: float,
        lulls: Lulls,
    ) -> None:
        self.store = store
        self.lulls = lulls
        self.bus = LocalBus()
        self.metrics = Metrics()
        self.clock = ManualClock(NOW)
        self.journal = Journal(
            store,
            self.bus,
            self.clock,
            self.metrics,
            batch_max_events=batch,
            queue_max_units=queue,
            lulls=lulls,
        )
        self.sessions = RequestScopedSessionFactory(store)
        self.alarms = 0
        self.guard = DeliveryGuard(self.metrics, self._alarm)
        self.arrivals = Arrivals(self.clock, self.metrics, at_once=arrivals)
        self.catch_ups = CatchUps(
            self.sessions,
            self.metrics,
            self.guard,
            self.arrivals,
            lulls,
            self.clock,
            concurrency=2,
            page_bytes=page_bytes,
            gap_grace_s=gap_grace_s,
        )

    def _alarm(self) -> None:
        self.alarms += 1

    def reader(self, user_id: str = "ann") -> Reader:
        """A new reader, not attached yet."""
        return Reader(self, user_id)

    async def grow(self, count: int = 1, user_id: str = "ann") -> None:
        """Append `count` events (`thread_created`), in one or more commits."""
        units = [self.thread(user_id) for _ in range(count)]
        await asyncio.gather(*(self.journal.append(unit) for unit in units))

    def thread(self, user_id: str = "ann") -> CreateThread:
        """A unit of one event."""
        return CreateThread(context_of(user_id), None, {})

    async def run(self, user_id: str = "ann", key: str = "key-1") -> ClaimedRun:
        """A run that may append, after the events `thread_created` and `message_created`."""
        await self.journal.append(message(context_of(user_id), key=key))
        claim = await self.journal.append(ClaimRuns("node-1", 1_000.0, ["demo"], 1))
        return claim.runs[0]

    async def append(self, claimed: ClaimedRun, *drafts: EventDraft | str) -> int:
        """Append to a run, texts as deltas; the last seq."""
        made = [delta(draft) if isinstance(draft, str) else draft for draft in drafts]
        return await self.journal.append(AppendToRun(claimed.lease, made))

    def lose_tail(self, *, after: int, user_id: str = "ann") -> None:
        """Cut the journal back to its first events."""
        with closing(apsw.Connection(str(self.store.path))) as file, file:
            of_user = "user = (SELECT user FROM users WHERE user_id = ?2)"
            for sql in (
                f"DELETE FROM events WHERE seq > ?1 AND {of_user}",
                f"DELETE FROM threads WHERE first_seq > ?1 AND {of_user}",
                f"UPDATE users SET head = ?1 WHERE {of_user}",
            ):
                file.execute(sql, (after, user_id))

    async def feed(self, user_id: str = "ann") -> str | None:
        """The feed of a journal."""
        async with self.sessions.open(context_of(user_id)) as session:
            return (await session.journal.head()).feed

    async def stored(self, user_id: str = "ann") -> list[JournalEvent]:
        """The whole journal, read past the gate."""
        session = SqliteStore.session(self.store, context_of(user_id))
        try:
            page = await session.page(0, limit=100_000, max_bytes=100_000_000)
        finally:
            await session.close()
        return list(page.events)


@asynccontextmanager
async def delivering(
    path: Path,
    *,
    page_bytes: int = 131_072,
    batch: int = 4_096,
    queue: int = 100_000,
    arrivals: int = 1_000,
    gap_grace_s: float = 0.0,
    lulls: Lulls | None = None,
) -> AsyncIterator[Delivery]:
    """A delivery with an open store and a running journal."""
    store = GatedStore(path / "journal.db")
    await store.open()
    delivery = Delivery(
        store,
        page_bytes=page_bytes,
        batch=batch,
        queue=queue,
        arrivals=arrivals,
        gap_grace_s=gap_grace_s,
        lulls=lulls or Lulls(),
    )
    running = delivery.running = asyncio.create_task(delivery.journal.run())
    try:
        yield delivery
    finally:
        store.reads.open()
        store.commits.open()
        await delivery.catch_ups.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await store.close()
