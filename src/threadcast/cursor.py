"""A reader's place in one user's journal, and how it gets from there to the head and stays there.

A cursor is either live (it has everything and is pushed to) or behind (it reads the journal, page
by page, at the pace of its reader). It is behind after an attach, when the reader is too slow, and
when a hint was lost. The step from behind to live happens between two turns of the event loop, so
nothing is lost or doubled at the join. It knows nothing of sockets or commands.

A cursor that was behind, or whose trail is contradicted, first reads whether the journal still
holds what it delivered, and is reset when it does not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from .clock import Clock
from .context import UserExecutionContext
from .delivery_guard import DeliveryGuard
from .errors import ThreadcastError
from .events import JournalEvent, merge_deltas
from .metrics import Metrics
from .outbound import Outbound
from .placement import Placement, Position, judge
from .records import JournalHead
from .session import JournalRepository, RequestScopedSessionFactory
from .tasks import OwnedTasks
from .trail import Trail

log = logging.getLogger(__name__)

_RETRY_FIRST_S, _RETRY_MAX_S = 0.25, 5.0
_PAGE_MAX_EVENTS = 2_000


class CatchUps:
    """Owns the tasks that read journals for cursors that are behind; so many at once.

    Args:
        sessions: opens sessions for the cursors' contexts.
        metrics: counts lagging readers.
        guard: judges every event before it is written.
        clock: only its monotonic time is used.
        concurrency: so many pages are read at the same time, at most.
        page_bytes: a page holds about so many bytes of event data.
    """

    def __init__(
        self,
        sessions: RequestScopedSessionFactory,
        metrics: Metrics,
        guard: DeliveryGuard,
        clock: Clock,
        *,
        concurrency: int,
        page_bytes: int,
    ) -> None:
        self.sessions = sessions
        self.metrics = metrics
        self.guard = guard
        self.page_bytes = page_bytes
        self._clock = clock
        self._slots = asyncio.Semaphore(concurrency)
        self._tasks = OwnedTasks("catch-up")
        self._begun_at: dict[asyncio.Task[None], float] = {}  # the oldest first
        metrics.oldest_catch_up_seconds.set_function(self.oldest_s)

    def start(self, cursor: Cursor) -> asyncio.Task[None]:
        """Begin to bring a cursor to the head; its task ends when it is live or congested."""
        task = self._tasks.start(cursor.catch_up(self._slots))
        self._begun_at[task] = self._clock.monotonic()
        task.add_done_callback(self._ended)
        return task

    def oldest_s(self) -> float:
        """For how long the longest catch-up under way has been, in seconds; 0 without any.

        Its reader takes what it is given: one that does not is congested, and its catch-up ends.
        """
        began_at = next(iter(self._begun_at.values()), None)
        return 0.0 if began_at is None else self._clock.monotonic() - began_at

    async def close(self) -> None:
        """Cancel what is under way and wait for it."""
        await self._tasks.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._begun_at[task]


class Cursor:
    """One reader's cursor on its context's user's journal.

    Args:
        context: whose journal.
        outbound: where events go.
        catch_ups: reads pages when the cursor is behind.
        on_live: called each time the cursor has reached the head, with its position.
        on_behind: called each time it falls behind after having been live.
        on_foreign: called when another user's events were about to be written; the owner must end
            the reader's connection.
        on_reset: called when the journal does not hold any more what the reader was given; the
            owner must tell it. Events flow on from the new position.

    The owner calls `drained` when its outbound is no longer congested.
    """

    __slots__ = (
        "_catch_ups", "_context", "_doubts", "_head", "_known_head", "_lagging", "_on_behind",
        "_on_foreign", "_on_live", "_on_reset", "_outbound", "_started", "_task", "_trail", "live",
        "position", "thread_id",
    )  # fmt: skip

    def __init__(
        self,
        context: UserExecutionContext,
        outbound: Outbound,
        catch_ups: CatchUps,
        *,
        on_live: Callable[[int], None],
        on_behind: Callable[[], None],
        on_foreign: Callable[[], None],
        on_reset: Callable[[Placement], None],
    ) -> None:
        self._context = context
        self._outbound = outbound
        self._catch_ups = catch_ups
        self._on_live = on_live
        self._on_behind = on_behind
        self._on_foreign = on_foreign
        self._on_reset = on_reset
        self._head: JournalHead | None = None
        self._known_head = 0
        self._lagging = False
        self.thread_id: str | None = None
        self._trail = Trail()
        self._doubts = False
        self._task: asyncio.Task[None] | None = None
        self._started = False
        self.live = False
        self.position = 0

    def know(self, head: JournalHead) -> None:
        """Take the journal's head, read after this cursor began to be offered events."""
        self._head = head
        self._known_head = max(self._known_head, head.head)

    async def attach(self, wanted: Position) -> Placement:
        """Set the cursor; events flow only after `start()`, but for those of the old position.

        Raises:
            ThreadcastError: the store cannot be read now; events flow from the old position on.
        """
        attached = self._judge_by_what_is_known(wanted) or await self._judge_by_reading(wanted)
        self.stop()
        self._trail.begin(attached.after, None if attached.reset else wanted.at)
        self.position = attached.after
        self.thread_id = wanted.thread_id
        self._doubts = False
        return attached

    def _judge_by_what_is_known(self, wanted: Position) -> Placement | None:
        """Attaching at the head needs no read: events after it were offered or will be read."""
        if self._head is None or wanted.at is not None:
            return None
        head = replace(self._head, head=self._known_head)
        return judge(wanted, head, None) if wanted.after in (None, head.head) else None

    async def _judge_by_reading(self, wanted: Position) -> Placement:
        stamp = None
        async with self._catch_ups.sessions.open(self._context) as session:
            head = await session.journal.head()
            if wanted.at is not None and wanted.after:
                stamp = await session.journal.timestamp(wanted.after)
        self.know(head)
        return judge(wanted, head, stamp)

    def start(self) -> None:
        """Let events flow from the position on."""
        self._started = True
        if self.position >= self._known_head:
            self._become_live()
        else:
            self._begin()

    def offer(self, events: Sequence[JournalEvent]) -> int:
        """Take committed events if they continue the cursor; returns how many were written.

        What the cursor has is ignored; after a hole the journal is read.
        """
        self._known_head = max(self._known_head, events[-1].seq)
        if not self.live:
            return 0
        if events[0].seq <= self.position:
            if self._trail.contradicted_by(events, self.position):
                return self._read_on()
            events = [event for event in events if event.seq > self.position]
        if not events:
            return 0
        if events[0].seq != self.position + 1:
            return self._read_on()
        return self._push(events)

    def _read_on(self) -> int:
        """Go on from the journal; nothing is written now."""
        self._fall_behind()
        self._begin()
        return 0

    def notice(self, head: int) -> None:
        """Take the head that a poll saw a moment ago; reads the journal if a hint was lost."""
        is_lower = self._trail.contradicted_by_head(head, self.position)
        if self.live and (is_lower or head > self.position):
            self._known_head = max(self._known_head, head)
            self._read_on()

    def doubt(self) -> None:
        """Read whether the journal still holds what was delivered, before anything else."""
        self._doubts = True
        if self.live:
            self._read_on()

    def drained(self) -> None:
        """The reader reads again: go on from the journal if the cursor fell behind."""
        if not self.live:
            self._doubts = True
            self._begin()

    def stop(self) -> None:
        """Let no more events flow."""
        self._started = False
        self.live = False
        self._set_lagging(lagging=False)
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def catch_up(self, slots: asyncio.Semaphore) -> None:
        """Read and write pages until the cursor is live or its reader is congested."""
        retry_s = _RETRY_FIRST_S
        while self._started and not self._outbound.congested:
            known_head = self._known_head
            try:
                async with slots:
                    at_head = await self._page()
            except ThreadcastError as error:
                log.warning("catch-up waits for the store: %s", error.code)
                await asyncio.sleep(retry_s)
                retry_s = min(_RETRY_MAX_S, retry_s * 2)
                continue
            if at_head and (self.position >= self._known_head or self._known_head == known_head):
                self._become_live()  # what was announced before the read is in it, or was not true
                return

    async def _page(self) -> bool:
        page_bytes = self._catch_ups.page_bytes
        async with self._catch_ups.sessions.open(self._context) as session:
            if self._doubts:
                await self._judge_again(session.journal)
            events = await session.journal.events(
                self.position,
                limit=_PAGE_MAX_EVENTS,
                max_bytes=page_bytes,
                thread_id=self.thread_id,
            )
            head = None if events else await session.journal.head()
        if head is not None:
            self._doubts = head.head < self.position
            self.position = max(self.position, head.head)
            return not self._doubts
        self.position = events[-1].seq
        self._catch_ups.metrics.deliveries.inc(self._deliver(events, merged=True))
        return False

    async def _judge_again(self, journal: JournalRepository) -> None:
        """Find out whether the journal still holds what the reader was given, and reset if not."""
        trail, feed = self._trail, None if self._head is None else self._head.feed
        head = await journal.head()
        stamp = await journal.timestamp(trail.seq) if trail.stamp is not None else None
        placement = trail.judge(head, stamp, feed=feed, position=self.position)
        self._doubts = False
        if placement.reset:
            trail.begin(placement.after, None)
            self._head, self._known_head = head, head.head
            self.position = placement.after
            self._on_reset(placement)

    def _push(self, events: Sequence[JournalEvent]) -> int:
        """Write what the reader keeps up with; what one commit brought may be more than that."""
        page_bytes = self._catch_ups.page_bytes
        is_large = len(events) > 1 and sum([len(event.data) for event in events]) > page_bytes
        written = 0
        for page in _pages(events, page_bytes) if is_large else (events,):
            if self._outbound.congested:
                self._catch_ups.metrics.lags.inc()
                self._fall_behind()
                break
            self.position = page[-1].seq
            written += self._deliver(page)
            if not self.live:
                break
        return written

    def _deliver(self, events: Sequence[JournalEvent], *, merged: bool = False) -> int:
        """Write events; the only way from a journal to a reader, and so the guard's place.

        What is another user's ends everything: nothing of `events` is written, and nothing after.
        """
        if not self._catch_ups.guard.passes(self._context, events):
            self.stop()
            self._on_foreign()
            return 0
        self._trail.gave(events[-1])
        if self.thread_id is not None:
            events = [event for event in events if event.address.thread_id == self.thread_id]
        if events:
            self._outbound.deliver(merge_deltas(events) if merged else events)
        return len(events)

    def _become_live(self) -> None:
        self._known_head = self.position
        self.live = True
        self._set_lagging(lagging=False)
        self._on_live(self.position)

    def _fall_behind(self) -> None:
        self.live = False
        self._doubts = True
        self._set_lagging(lagging=True)
        self._on_behind()

    def _begin(self) -> None:
        if self._started and (self._task is None or self._task.done()):
            self._task = self._catch_ups.start(self)

    def _set_lagging(self, *, lagging: bool) -> None:
        if lagging is not self._lagging:
            self._lagging = lagging
            self._catch_ups.metrics.lagging.inc(1 if lagging else -1)


def _pages(events: Sequence[JournalEvent], page_bytes: int) -> Iterator[Sequence[JournalEvent]]:
    """The events in parts of at most `page_bytes` of data, or of one event."""
    first, size_bytes = 0, 0
    for index, event in enumerate(events):
        size_bytes += len(event.data)
        if size_bytes > page_bytes and index > first:
            yield events[first:index]
            first, size_bytes = index, len(event.data)
    yield events[first:]
