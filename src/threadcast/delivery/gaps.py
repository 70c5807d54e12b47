"""Gaps between hints: a short wait for the missing one, then one read for all of a user's cursors.

Hints of several nodes may overtake each other or get lost. Events that come early are held for a
moment, in which the hint before them usually arrives. If it does not, one read fills the gap for
all cursors of that user on this node. It knows cursors by the protocol `Gapped` only.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import insort
from collections.abc import Awaitable, Sequence
from typing import Protocol

from ..context import UserExecutionContext
from ..errors import ThreadcastError
from ..events import JournalEvent, highest_seq
from ..metrics import Metrics
from ..store.records import JournalPage
from ..tasks import OwnedTasks, set_within

_HELD_MAX_EVENTS = 1_000  # per user; beyond that the journal is read

log = logging.getLogger(__name__)


class Gapped(Protocol):
    """A live cursor that misses something.

    Attributes:
        waits: whether events are held here until it moves; set by `HintGaps`.
    """

    live: bool
    position: int
    waits: bool

    @property
    def context(self) -> UserExecutionContext:
        """Whose journal it reads."""
        ...

    def take(self, events: Sequence[JournalEvent]) -> int:
        """Take committed events if they continue the cursor; how many were written."""
        ...

    def fill(self, page: JournalPage) -> None:
        """Take a page that may cover its position."""
        ...

    def fall_back(self) -> None:
        """Start a catch-up of its own."""
        ...


class ReadPage(Protocol):
    """See `CatchUps.read`."""

    def __call__(
        self, context: UserExecutionContext, after: int, *, first: bool
    ) -> Awaitable[JournalPage]:
        """Read a page."""
        ...


class _Gap:
    """One user's gap: the cursors that miss events, and the early events held behind it."""

    __slots__ = ("cursors", "early", "early_events", "is_lost", "upto")

    def __init__(self) -> None:
        self.cursors: dict[Gapped, None] = {}
        self.early: list[Sequence[JournalEvent]] = []  # by seq
        self.early_events = 0
        self.is_lost = asyncio.Event()
        self.upto = 0

    def hold(self, events: Sequence[JournalEvent]) -> None:
        """Hold early events, once for all cursors, if there is room."""
        self.upto = max(self.upto, highest_seq(events))
        is_held = any(one is events for one in self.early)
        if not is_held and self.early_events + len(events) <= _HELD_MAX_EVENTS:
            insort(self.early, events, key=_first_seq)
            self.early_events += len(events)

    def go_on(self, cursor: Gapped) -> int:
        """Give a cursor the events held behind its gap; how many were written."""
        written = sum([cursor.take(events) for events in self.early])
        if not cursor.live or cursor.position >= self.upto:
            self.cursors.pop(cursor, None)
            cursor.waits = False
        return written


class HintGaps:
    """The gaps of all users of a node.

    Args:
        read: reads a page of a journal.
        tasks: owns the task of each gap.
        metrics: counts how gaps ended.
        grace_s: how long early events wait for those before them, in seconds.
    """

    def __init__(
        self, read: ReadPage, tasks: OwnedTasks, metrics: Metrics, *, grace_s: float
    ) -> None:
        self._read = read
        self._tasks = tasks
        self._metrics = metrics
        self._grace_s = grace_s
        self._by_user: dict[str, _Gap] = {}

    def early(self, cursor: Gapped, events: Sequence[JournalEvent]) -> None:
        """Events came early: they do not continue this live cursor yet."""
        self._gap_of(cursor).hold(events)

    def lost(self, cursor: Gapped, head: int) -> None:
        """A poll saw this head and no hint did, so there is nothing to wait for: read."""
        gap = self._gap_of(cursor)
        gap.upto = max(gap.upto, head)
        gap.is_lost.set()

    def go_on(self, cursor: Gapped) -> int:
        """A cursor has moved: give it the events held for that; how many were written."""
        user_id = cursor.context.user_id
        gap = self._by_user.get(user_id)
        if gap is None:
            return 0
        written = gap.go_on(cursor)
        if not gap.cursors:  # nothing is missing any more
            del self._by_user[user_id]
            gap.is_lost.set()
        return written

    def _gap_of(self, cursor: Gapped) -> _Gap:
        user_id = cursor.context.user_id
        gap = self._by_user.get(user_id)
        if gap is None:
            gap = self._by_user[user_id] = _Gap()
            self._tasks.start(self._close(user_id, gap))
        gap.cursors[cursor] = None
        cursor.waits = True
        return gap

    async def _close(self, user_id: str, gap: _Gap) -> None:
        """Wait out the grace, then read what is still missing."""
        try:
            await set_within(gap.is_lost, self._grace_s)
            if gap.cursors:
                await self._fill(gap)
            else:
                self._metrics.hint_gaps.labels("hint").inc()
        finally:
            for cursor in gap.cursors:
                cursor.waits = False
            if self._by_user.get(user_id) is gap:
                del self._by_user[user_id]

    async def _fill(self, gap: _Gap) -> None:
        """Read one page after the hindmost cursor, for all of them."""
        self._metrics.hint_gaps.labels("read").inc()
        first = next(iter(gap.cursors))
        wanted = gap.upto
        try:
            page = await self._read(
                first.context, min(cursor.position for cursor in gap.cursors), first=True
            )
        except ThreadcastError as error:
            log.warning("a gap waits for the store: %s", error.code)
            page = None
        for cursor in tuple(gap.cursors):
            if page is not None and cursor.live:
                cursor.fill(page)
                self._metrics.deliveries.inc(gap.go_on(cursor))
            # Events beyond the head that was read are kept only if they came during the read.
            is_whole = page is not None and page.at_head and gap.upto == wanted
            if cursor.live and cursor.position < gap.upto and not is_whole:
                cursor.fall_back()


def _first_seq(events: Sequence[JournalEvent]) -> int:
    return events[0].seq
