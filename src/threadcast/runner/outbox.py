"""The bounded, ordered outbox of one run's events on their way to the journal.

At most one unit of a run is queued at the journal at a time, and it grows until the journal takes
it; later events gather behind it. So order holds even when a commit fails and is retried.

A transient refusal that certainly stored nothing (`unavailable`, `storage_full`, `overloaded`) is
retried with backoff, for a bounded time. Anything else loses the run: the lease is gone, the run
has ended, or the outcome is unknown. After an unknown outcome nothing is ever sent again, because
it may already be stored; whoever takes the run over reads what is true.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ..delivery.journal import Journal
from ..errors import ThreadcastError
from ..events import EventDraft
from ..store.units import AppendToRun, Committed, Lease, Outcome, Question

__all__ = ["OutboxLimits", "RunOutbox"]

_NOT_STORED_MAY_PASS = frozenset({"unavailable", "storage_full", "overloaded"})


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """How much may be queued, and for how long a failing append is retried.

    Attributes:
        events_max: uncommitted events; at this number the agent waits.
        max_bytes: the same in bytes of their data.
        retry_first_s: the pause before the first retry; it doubles.
        retry_pause_max_s: the longest pause.
        retry_total_s: without success for this long, the run is lost.
    """

    events_max: int = 256
    max_bytes: int = 262_144
    retry_first_s: float = 0.05
    retry_pause_max_s: float = 1.0
    retry_total_s: float = 60.0


class RunOutbox:
    """Sends one attempt's events.

    Args:
        journal: takes the units.
        lease: the run's lease, under which every unit is appended.
        limits: bounds on what waits.
        on_lost: called once, on the loop, when nothing more can be appended under this lease.

    `add`, `ask` and `save_state` do not wait and are ignored once the run is lost; the emitter
    awaits `room` when `full` says so.
    """

    __slots__ = (
        "_bytes",
        "_events",
        "_journal",
        "_lease",
        "_limits",
        "_on_lost",
        "_pause_s",
        "_progress",
        "_retry",
        "_retry_until",
        "_tail",
        "_units",
        "_units_added",
        "_units_stored",
        "lost",
    )

    def __init__(
        self, journal: Journal, lease: Lease, limits: OutboxLimits, on_lost: Callable[[], None]
    ) -> None:
        self._journal = journal
        self._lease = lease
        self._limits = limits
        self._on_lost = on_lost
        self._units: deque[AppendToRun] = deque()  # the first one is with the journal
        self._tail: AppendToRun | None = None
        self._units_added = 0
        self._units_stored = 0
        self._events = 0
        self._bytes = 0
        self._progress = asyncio.Event()
        self._pause_s = limits.retry_first_s
        self._retry: asyncio.TimerHandle | None = None
        self._retry_until: float | None = None
        self.lost: ThreadcastError | None = None

    @property
    def full(self) -> bool:
        """Whether the emitter must await `room` before it adds more."""
        return self._events >= self._limits.events_max or self._bytes >= self._limits.max_bytes

    def add(self, draft: EventDraft) -> None:
        """Append one event."""
        unit = self._tail
        if unit is None or unit.taken:
            unit = self._new_unit()
        unit.drafts.append(draft)
        self._events += 1
        self._bytes += len(draft.data)

    def ask(self, draft: EventDraft, question: Question) -> None:
        """Append an `input_requested` event with the question that is stored with it."""
        unit = self._tail
        if unit is None or unit.taken or unit.question is not None:
            unit = self._new_unit()
        unit.question = question
        self.add(draft)

    def save_state(self, state: bytes) -> None:
        """Store a checkpoint, in order with the events."""
        unit = self._tail
        if unit is None or unit.taken:
            unit = self._new_unit()
        unit.state = state

    async def room(self) -> None:
        """Wait until less than the limits is queued.

        Raises:
            asyncio.CancelledError: the run is lost.
        """
        while self.full and self.lost is None:
            await self._next_progress()
        self._raise_if_lost()

    async def stored(self) -> None:
        """Wait until everything that was added before this call is committed.

        Raises:
            asyncio.CancelledError: the run is lost; what was not committed yet may never be.
        """
        await self.flushed()
        self._raise_if_lost()

    async def behind_all(self) -> None:
        """Wait until every unit submitted to the journal before this call has its outcome.

        Raises:
            asyncio.CancelledError: the run is lost.
        """
        self._new_unit()  # an empty one: the journal answers units in order
        await self.stored()

    async def flushed(self) -> bool:
        """As `stored`, without raising: whether everything was committed."""
        target = self._units_added
        while self._units_stored < target and self.lost is None:
            await self._next_progress()
        return self._units_stored >= target

    def abandon(self, error: ThreadcastError) -> None:
        """Send nothing more; what the journal has taken is not withdrawn. Idempotent.

        Args:
            error: why, for the waiters.
        """
        if self.lost is not None:
            return
        self.lost = error
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._withdraw()
        self._progress.set()
        on_lost, self._on_lost = self._on_lost, _tell_nobody  # the callback may own this outbox
        on_lost()

    def _raise_if_lost(self) -> None:
        if self.lost is not None:
            raise asyncio.CancelledError(f"the run is lost: {self.lost.code}")

    async def _next_progress(self) -> None:
        self._progress.clear()
        await self._progress.wait()

    def _new_unit(self) -> AppendToRun:
        unit = AppendToRun(self._lease)
        self._units_added += 1
        if self.lost is None:
            self._tail = unit
            self._units.append(unit)
            if len(self._units) == 1:
                self._submit()
        return unit

    def _withdraw(self) -> None:
        if self._units and not self._units[0].taken:
            first = self._units[0]
            first.drafts, first.question, first.state = [], None, None
        self._units.clear()
        self._tail = None

    def _submit(self) -> None:
        self._retry = None
        self._journal.submit(self._units[0], self._done)

    def _done(self, outcome: Outcome) -> None:
        if self.lost is not None:
            return
        if isinstance(outcome, Committed):
            self._stored()
        elif outcome.error.code in _NOT_STORED_MAY_PASS:
            self._try_again(outcome.error)
        else:
            self.abandon(outcome.error)

    def _stored(self) -> None:
        unit = self._units.popleft()
        self._events -= len(unit.drafts)
        self._bytes -= sum([len(draft.data) for draft in unit.drafts])
        self._units_stored += 1
        self._retry_until = None
        self._pause_s = self._limits.retry_first_s
        self._progress.set()
        if self._units:
            self._submit()

    def _try_again(self, error: ThreadcastError) -> None:
        loop = asyncio.get_running_loop()
        if self._retry_until is None:
            self._retry_until = loop.time() + self._limits.retry_total_s
        if loop.time() + self._pause_s > self._retry_until:
            self.abandon(error)
            return
        self._retry = loop.call_later(self._pause_s, self._submit)
        self._pause_s = min(self._pause_s * 2, self._limits.retry_pause_max_s)


def _tell_nobody() -> None:
    """Stands in for `on_lost` once it was called."""
