"""Holes in what hints say: a short wait for what is under way, then one read for all of a user.

Hints of several nodes cross each other, and some are lost. What comes too early is held for a
moment, in which the hint before it usually arrives and nothing is read. If it does not, one read
fills the hole for all cursors of that user on this node. It knows cursors only by what they do.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import insort
from collections.abc import Awaitable, Sequence
from typing import Protocol

from .context import UserExecutionContext
from .errors import ThreadcastError
from .events import JournalEvent, highest_seq
from .metrics import Metrics
from .records import JournalPage
from .tasks import OwnedTasks, set_within

_HELD_MAX_EVENTS = 1_000  # for each user; what is beyond that is read

log = logging.getLogger(__name__)


class Holed(Protocol):
    """A live cursor that misses something.

    Attributes:
        waits: whether events wait here for it to move; set by `Holes`.
    """

    live: bool
    position: int
    waits: bool

    @property
    def context(self) -> UserExecutionContext:
        """Whose journal it reads."""
        ...

    def take(self, events: Sequence[JournalEvent]) -> int:
        """Take committed events if they continue it; how many were written."""
        ...

    def fill(self, page: JournalPage) -> None:
        """Take what was read after a position that it may have reached."""
        ...

    def fall_back(self) -> None:
        """Read the journal by itself."""
        ...


class ReadPage(Protocol):
    """See `CatchUps.read`."""

    def __call__(
        self, context: UserExecutionContext, after: int, *, first: bool
    ) -> Awaitable[JournalPage]:
        """Read a page."""
        ...


class _Hole:
    """What one user's cursors miss: who misses it, and which events wait behind it."""

    __slots__ = ("cursors", "early", "early_events", "is_lost", "upto")

    def __init__(self) -> None:
        self.cursors: dict[Holed, None] = {}
        self.early: list[Sequence[JournalEvent]] = []  # by seq
        self.early_events = 0
        self.is_lost = asyncio.Event()
        self.upto = 0

    def hold(self, events: Sequence[JournalEvent]) -> None:
        """Keep a hint for later, once for all cursors, where there is room."""
        self.upto = max(self.upto, highest_seq(events))
        is_held = any(one is events for one in self.early)
        if not is_held and self.early_events + len(events) <= _HELD_MAX_EVENTS:
            insort(self.early, events, key=_first_seq)
            self.early_events += len(events)

    def go_on(self, cursor: Holed) -> int:
        """Give a cursor what waits behind its hole; how many events were written."""
        written = sum([cursor.take(events) for events in self.early])
        if not cursor.live or cursor.position >= self.upto:
            self.cursors.pop(cursor, None)
            cursor.waits = False
        return written


class Holes:
    """The holes of all users of a node.

    Args:
        read: reads a page of a journal.
        tasks: owns the task of each hole.
        metrics: is told how holes ended.
        grace_s: how long what comes too early waits for what was before it, in seconds.
    """

    def __init__(
        self, read: ReadPage, tasks: OwnedTasks, metrics: Metrics, *, grace_s: float
    ) -> None:
        self._read = read
        self._tasks = tasks
        self._metrics = metrics
        self._grace_s = grace_s
        self._by_user: dict[str, _Hole] = {}

    def early(self, cursor: Holed, events: Sequence[JournalEvent]) -> None:
        """Events came that do not continue this live cursor yet."""
        self._hole_of(cursor).hold(events)

    def lost(self, cursor: Holed, head: int) -> None:
        """The journal has this head, and no hint said so: there is nothing to wait for."""
        hole = self._hole_of(cursor)
        hole.upto = max(hole.upto, head)
        hole.is_lost.set()

    def go_on(self, cursor: Holed) -> int:
        """A cursor has moved: give it what waited for that; how many events were written."""
        user_id = cursor.context.user_id
        hole = self._by_user.get(user_id)
        if hole is None:
            return 0
        written = hole.go_on(cursor)
        if not hole.cursors:  # nobody misses anything any more
            del self._by_user[user_id]
            hole.is_lost.set()
        return written

    def _hole_of(self, cursor: Holed) -> _Hole:
        user_id = cursor.context.user_id
        hole = self._by_user.get(user_id)
        if hole is None:
            hole = self._by_user[user_id] = _Hole()
            self._tasks.start(self._close(user_id, hole))
        hole.cursors[cursor] = None
        cursor.waits = True
        return hole

    async def _close(self, user_id: str, hole: _Hole) -> None:
        """Wait for what is late; read what does not come."""
        try:
            await set_within(hole.is_lost, self._grace_s)
            if hole.cursors:
                await self._fill(hole)
            else:
                self._metrics.holes.labels("hint").inc()
        finally:
            for cursor in hole.cursors:
                cursor.waits = False
            if self._by_user.get(user_id) is hole:
                del self._by_user[user_id]

    async def _fill(self, hole: _Hole) -> None:
        """Read once after the hindmost cursor, for all of them."""
        self._metrics.holes.labels("read").inc()
        first = next(iter(hole.cursors))
        wanted = hole.upto
        try:
            page = await self._read(
                first.context, min(cursor.position for cursor in hole.cursors), first=True
            )
        except ThreadcastError as error:
            log.warning("a hole waits for the store: %s", error.code)
            page = None
        for cursor in tuple(hole.cursors):
            if page is not None and cursor.live:
                cursor.fill(page)
                self._metrics.deliveries.inc(hole.go_on(cursor))
            # A hint beyond the head was not true; what came during the read may well be.
            is_whole = page is not None and page.at_head and hole.upto == wanted
            if cursor.live and cursor.position < hole.upto and not is_whole:
                cursor.fall_back()


def _first_seq(events: Sequence[JournalEvent]) -> int:
    return events[0].seq
