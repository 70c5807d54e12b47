"""A reader's place in one user's journal, and how it reaches the head and stays there.

A cursor is either live (at the head, and pushed to) or behind (it reads the journal page by page,
at its reader's pace). It is behind after an attach, when the reader is too slow, and when it missed
more than one read brings. The step from behind to live takes place within one turn of the event
loop, so nothing is lost or duplicated at the join. It knows neither sockets nor commands.

A cursor that fell behind, or whose last is contradicted, first checks that the journal still holds
what it delivered, and is reset if not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..context import UserExecutionContext
from ..errors import ThreadcastError
from ..events import JournalEvent, highest_seq, merge_deltas
from ..store.records import JournalHead, JournalPage
from .arrivals import Arrival
from .catch_ups import CatchUps
from .last_delivered import LastDelivered
from .outbound import Outbound
from .resume import Position, ResumePoint, judge

log = logging.getLogger(__name__)

_RETRY_FIRST_S, _RETRY_MAX_S = 0.25, 5.0


class _Read(NamedTuple):
    """A page, and the head that was known before it was read."""

    page: JournalPage
    known_head: int


class Cursor:
    """One reader's cursor on its context's user's journal.

    Args:
        context: whose journal.
        outbound: where events go.
        catch_ups: reads pages when the cursor is behind.
        on_live: called each time the cursor has reached the head, with its position.
        on_behind: called each time it falls behind after having been live.
        on_foreign: called when another user's events were about to be written; the owner must close
            the connection.
        on_reset: called when the journal no longer holds what the reader was given; the owner must
            tell the reader. Events flow on from the new position.

    The owner calls `drained` when its outbound is no longer congested.
    """

    __slots__ = (
        "_arrival",
        "_catch_ups",
        "_doubts",
        "_first",
        "_head",
        "_known_head",
        "_lagging",
        "_last",
        "_on_behind",
        "_on_foreign",
        "_on_live",
        "_on_reset",
        "_outbound",
        "_started",
        "_task",
        "context",
        "live",
        "position",
        "thread_id",
        "waits",
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
        on_reset: Callable[[ResumePoint], None],
    ) -> None:
        self.context = context
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
        self._last = LastDelivered()
        self._doubts = False
        self._task: asyncio.Task[None] | None = None
        self._arrival: Arrival | None = None
        self._first: _Read | None = None
        self._started = False
        self.live = False
        self.position = 0
        self.waits = False

    @property
    def behind(self) -> int:
        """How many events of the journal it still lacks, as far as it knows."""
        return max(self._known_head - self.position, 0)

    def know(self, head: JournalHead) -> None:
        """Take the journal's head, read after this cursor began to be offered events."""
        self._head = head
        self._known_head = max(self._known_head, head.head)

    async def attach(self, wanted: Position) -> ResumePoint:
        """Move the cursor; events after the new position flow only after `start()`.

        Raises:
            ThreadcastError: the store cannot be read now, or too many clients are arriving
                (`overloaded`); events keep flowing from the old position.
        """
        point = self._judge_by_what_is_known(wanted)
        arrival = first = None
        if point is None:
            arrival = self._catch_ups.arrivals.begin()
            try:
                first = await self._first_page(wanted)
            except BaseException:
                arrival.over()
                raise
            point = judge(wanted, first.page.head, first.page.stamp)
        self.stop()
        self._last.begin(point.after, None if point.reset else wanted.at)
        self._doubts = False
        self.position = point.after
        self.thread_id = wanted.thread_id
        self._arrival = arrival
        self._first = first
        return point

    def _judge_by_what_is_known(self, wanted: Position) -> ResumePoint | None:
        """Attaching at the head needs no read: later events are offered, or found by a poll."""
        if self._head is None or wanted.at is not None:
            return None
        head = replace(self._head, head=self._known_head)
        return judge(wanted, head, None) if wanted.after in (None, head.head) else None

    async def _first_page(self, wanted: Position) -> _Read:
        """The page after the wanted position, and the journal's facts to judge the position by."""
        after, known_head = wanted.after, self._known_head
        page = await self._catch_ups.read(
            self.context,
            known_head if after is None else after,
            thread_id=wanted.thread_id,
            first=False,
        )
        self.know(page.head)
        return _Read(page, known_head)

    def start(self) -> None:
        """Start delivery from the position on."""
        self._started = True
        first, self._first = self._first, None
        if self.position >= self._known_head:
            self._become_live()
        elif first is None or not self._take_page(first):
            self._begin()

    def offer(self, events: Sequence[JournalEvent]) -> int:
        """Take committed events if they continue the cursor; returns how many were written.

        Events that it has are ignored. Events that come early are held until the gap before them is
        filled.
        """
        is_old = self.live and events[0].seq <= self.position
        if is_old and self._last.contradicted_by(events, self.position):
            self.doubt()
            return 0
        written = self.take(events)
        if self.waits:
            written += self._catch_ups.gaps.go_on(self)
        if self.live and highest_seq(events) > self.position:
            self._catch_ups.gaps.early(self, events)
        return written

    def take(self, events: Sequence[JournalEvent]) -> int:
        """As `offer`, but events that come early are ignored."""
        last_seq = highest_seq(events)
        self._known_head = max(self._known_head, last_seq)
        if not self.live or last_seq <= self.position:
            return 0
        if events[0].seq != self.position + 1:
            events = [event for event in events if event.seq > self.position]
            if events[0].seq != self.position + 1:
                return 0
        return self._push(events)

    def notice(self, head: int) -> None:
        """Take the head that a poll saw; reads the journal if a hint was lost."""
        if self._last.contradicted_by_head(head, self.position):
            self.doubt()
        elif self.live and head > self.position:
            self._known_head = max(self._known_head, head)
            self._catch_ups.gaps.lost(self, head)

    def fill(self, page: JournalPage) -> None:
        """Take a page that was read to fill a gap, if it covers the cursor."""
        if not self.live or not page.after <= self.position < page.upto:
            return
        if page.head.trimmed > self.position or not self._last.agrees_with(page):
            self.doubt()
            return
        events = [event for event in page.events if event.seq > self.position]
        if events:
            self._catch_ups.metrics.deliveries.inc(self._push(events))
        if self.live:
            self.position = max(self.position, page.upto)

    def fall_back(self) -> None:
        """Start a catch-up: the gap is larger than one read fills."""
        self._fall_behind()
        self._begin()

    def doubt(self) -> None:
        """Before delivering more, check that the journal still holds what was delivered."""
        self._doubts = True
        if self.live:
            self.fall_back()

    def drained(self) -> None:
        """The outbound has room again: catch up if the cursor fell behind."""
        if not self.live:
            self._doubts = True
            self._begin()

    def stop(self) -> None:
        """Stop delivery."""
        self._started = False
        self.live = False
        self._first = None
        self._set_lagging(lagging=False)
        self._arrived()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def end(self) -> None:
        """Stop for good and drop the references to the owner, which would form a cycle."""
        self.stop()
        self._on_live = self._on_behind = self._on_foreign = self._on_reset = _tell_nobody

    async def catch_up(self) -> None:
        """Read and write pages until the cursor is live or its reader is congested."""
        try:
            await self._catch_up()
        finally:
            self._arrived()  # a reader that is slow on its way in keeps nobody else out

    async def _catch_up(self) -> None:
        retry_s = _RETRY_FIRST_S
        while self._may_write():
            known_head = self._known_head
            try:
                if self._doubts:
                    await self._judge_again()
                page = await self._catch_ups.read(
                    self.context, self.position, thread_id=self.thread_id, first=self._lagging
                )
            except ThreadcastError as error:
                log.warning("catch-up waits for the store: %s", error.code)
                await asyncio.sleep(retry_s)
                retry_s = min(_RETRY_MAX_S, retry_s * 2)
                continue
            if self._take_page(_Read(page, known_head)):
                return

    def _take_page(self, read: _Read) -> bool:
        """Deliver a page that begins at the position; whether the cursor is live now."""
        page = read.page
        if page.after != self.position or not self._may_write():
            return False
        if page.head.trimmed > self.position:
            self._doubts = True  # trimmed since it was judged: the reader must be reset
            return False
        self.position = page.upto
        if page.events:
            written = self._deliver(page.events, merged=True)
            self._catch_ups.metrics.deliveries.inc(written)
        is_live = page.at_head and self._started and self._has_all(read.known_head)
        if is_live:
            self._become_live()
        return is_live

    async def _judge_again(self) -> None:
        """Check that the journal still holds what the reader was given, and reset if not."""
        last, feed = self._last, None if self._head is None else self._head.feed
        async with self._catch_ups.session(self.context, first=True) as session:
            head = await session.journal.head()
            stamp = None if last.stamp is None else await session.journal.timestamp(last.seq)
        point = last.judge(head, stamp, feed=feed, position=self.position)
        self._doubts = False
        if point.reset:
            last.begin(point.after, None)
            self._head, self._known_head = head, head.head
            self.position = point.after
            self._on_reset(point)

    def _may_write(self) -> bool:
        return self._started and not self._outbound.congested

    def _has_all(self, known_head: int) -> bool:
        """Whether the read reached every head announced before it, unless that head was wrong."""
        return self.position >= self._known_head or self._known_head == known_head

    def _push(self, events: Sequence[JournalEvent]) -> int:
        """Write events while the reader keeps up; one commit may hold more than it can take."""
        page_bytes = self._catch_ups.page_bytes
        is_large = len(events) > 1 and sum([len(event.data) for event in events]) > page_bytes
        written = 0
        for page in _pages(events, page_bytes) if is_large else (events,):
            if self._outbound.congested:
                self._catch_ups.metrics.lags.inc()
                self._fall_behind()
                break
            self.position = highest_seq(page)
            written += self._deliver(page)
            if not self.live:
                break
        return written

    def _deliver(self, events: Sequence[JournalEvent], *, merged: bool = False) -> int:
        """Write events: the only path from journal to reader, so the guard stands here.

        A foreign event ends the cursor: nothing of `events` is written, and nothing after.
        """
        if not self._catch_ups.guard.passes(self.context, events):
            self.stop()
            self._on_foreign()
            return 0
        self._last.gave(events[-1])
        if self.thread_id is not None:
            events = [event for event in events if event.address.thread_id == self.thread_id]
        if events:
            self._outbound.deliver(merge_deltas(events) if merged else events)
        return len(events)

    def _become_live(self) -> None:
        self._arrived()
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
            self._task = self._catch_ups.start(self.catch_up())

    def _arrived(self) -> None:
        if self._arrival is not None:
            self._arrival.over()
            self._arrival = None

    def _set_lagging(self, *, lagging: bool) -> None:
        if lagging is not self._lagging:
            self._lagging = lagging
            tell = self._catch_ups.lags if lagging else self._catch_ups.lags_no_more
            tell(self)


def _tell_nobody(*_what: object) -> None:
    """Stands in for the callbacks of an owner that has gone."""


def _pages(events: Sequence[JournalEvent], page_bytes: int) -> Iterator[Sequence[JournalEvent]]:
    """The events in parts of at most `page_bytes` of data, or of one event."""
    first, size_bytes = 0, 0
    for index, event in enumerate(events):
        size_bytes += len(event.data)
        if size_bytes > page_bytes and index > first:
            yield events[first:index]
            first, size_bytes = index, len(event.data)
    yield events[first:]
