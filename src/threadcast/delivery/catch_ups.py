"""Catch-up reads: a bounded number of journal pages at the same time, for cursors that are behind.

It owns the catch-up tasks, and cursors and gaps share its one way to read. Pages are small, so
that pushes to live readers go in between. It knows no sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from ..clock import Clock
from ..context import UserExecutionContext
from ..metrics import Metrics
from ..store.records import JournalPage
from ..store.session import RequestScopedSession, RequestScopedSessionFactory
from ..tasks import OwnedTasks
from .arrivals import Arrivals
from .gaps import HintGaps
from .guard import DeliveryGuard
from .lulls import Lulls
from .read_turns import ReadTurns

_PAGE_MAX_EVENTS = 500


class Lagging(Protocol):
    """A cursor that was live and fell behind."""

    @property
    def context(self) -> UserExecutionContext:
        """Whose journal it reads."""
        ...

    @property
    def behind(self) -> int:
        """How many events it still lacks, as far as it knows."""
        ...


@dataclass(frozen=True, slots=True)
class Lag:
    """How far behind a reader is.

    Attributes:
        context: its user and connection.
        events: how many it still lacks.
        lasts_s: how long it has been behind, in seconds.
    """

    context: UserExecutionContext
    events: int
    lasts_s: float


class CatchUps:
    """Reads journal pages, and owns the catch-up tasks.

    Args:
        sessions: opens sessions for the cursors' contexts.
        metrics: counts readers that are behind.
        guard: checks the owner of every event before it is written.
        arrivals: bounds first catch-ups.
        lulls: reads for arriving readers begin in these.
        clock: only its monotonic time is used.
        concurrency: the most reads at the same time.
        page_bytes: about how many bytes of event data a page holds.
        gap_grace_s: how long a hint that came too early waits for those before it, in seconds.
    """

    def __init__(
        self,
        sessions: RequestScopedSessionFactory,
        metrics: Metrics,
        guard: DeliveryGuard,
        arrivals: Arrivals,
        lulls: Lulls,
        clock: Clock,
        *,
        concurrency: int,
        page_bytes: int,
        gap_grace_s: float,
    ) -> None:
        self._sessions = sessions
        self.metrics = metrics
        self.guard = guard
        self.arrivals = arrivals
        self.page_bytes = page_bytes
        self._lulls = lulls
        self._clock = clock
        self._turns = ReadTurns(concurrency)
        self._tasks = OwnedTasks("catch-up")
        self._lagging: dict[Lagging, float] = {}  # since when; the longest first
        self._begun_at: dict[asyncio.Task[None], float] = {}  # the oldest first
        self.gaps = HintGaps(self.read, self._tasks, metrics, grace_s=gap_grace_s)
        metrics.oldest_catch_up_seconds.set_function(self.oldest_s)
        metrics.catch_ups_waiting.set_function(lambda: self._turns.waiting)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a cursor's catch-up; the task ends when the cursor is live or congested."""
        task = self._tasks.start(work)
        self._begun_at[task] = self._clock.monotonic()
        task.add_done_callback(self._ended)
        return task

    @asynccontextmanager
    async def session(
        self, context: UserExecutionContext, *, first: bool = False
    ) -> AsyncIterator[RequestScopedSession]:
        """A session for an arriving reader or one that is behind, once it is its turn to read.

        Args:
            context: whose rows are read.
            first: whether the reader was live; those go before arriving ones, and wait for no lull.
        """
        if not first:
            await self._lulls.wait()  # without a turn: others can read meanwhile
        async with (
            self._turns.turn(context.user_id, first=first),
            self._sessions.open(context) as session,
        ):
            yield session

    async def read(
        self,
        context: UserExecutionContext,
        after: int,
        *,
        thread_id: str | None = None,
        first: bool,
    ) -> JournalPage:
        """Wait for a turn and read a page of the context's user's journal.

        Args:
            context: whose journal.
            after: the last seq that is not wanted.
            thread_id: only this thread's events; None means all.
            first: as for `session`.

        Raises:
            ThreadcastError: the store cannot be read now.
        """
        async with self.session(context, first=first) as session:
            return await session.journal.page(
                after, limit=_PAGE_MAX_EVENTS, max_bytes=self.page_bytes, thread_id=thread_id
            )

    def oldest_s(self) -> float:
        """The age of the oldest catch-up under way, in seconds; 0 without any.

        Slow readers do not count: a congested one ends its catch-up.
        """
        began_at = next(iter(self._begun_at.values()), None)
        return 0.0 if began_at is None else self._clock.monotonic() - began_at

    def lags(self, cursor: Lagging) -> None:
        """Note that a cursor fell behind; the caller must call `lags_no_more` later."""
        self._lagging.setdefault(cursor, self._clock.monotonic())
        self.metrics.lagging.set(len(self._lagging))

    def lags_no_more(self, cursor: Lagging) -> None:
        """Note that a cursor is live again, or gone."""
        self._lagging.pop(cursor, None)
        self.metrics.lagging.set(len(self._lagging))

    def lagging(self, most: int) -> list[Lag]:
        """The readers that have been behind longest, at most `most`, longest first."""
        now = self._clock.monotonic()
        return [
            Lag(cursor.context, cursor.behind, now - since)
            for cursor, since in islice(self._lagging.items(), most)
        ]

    async def close(self) -> None:
        """Cancel all catch-ups and wait for them."""
        await self._tasks.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._begun_at[task]
