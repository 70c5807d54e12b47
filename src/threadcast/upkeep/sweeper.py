"""Maintenance of a node: takes over runs of lost nodes and removes old data, in bounded steps.

Every node sweeps; the store makes each piece of work happen once, and lets one node at a time
remove old data. An error is logged and the work retried at the next step. Leases lapse by the
store's clock; age is by this node's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Self, TypeVar

from ..clock import Clock
from ..delivery.journal import Journal
from ..errors import ThreadcastError
from ..metrics import Metrics
from ..settings import Settings
from ..store.records import RunFailure
from ..store.units import RenewLeases, Sweep, TakeOverRuns
from .alias_uses import AliasUses

__all__ = ["Sweeper"]

T = TypeVar("T")

log = logging.getLogger(__name__)

_STEP_EVERY_S = 1.0
_CLEAN_EVERY_S = 15.0
_TAKE_OVER_MAX_RUNS = 100
_TAKE_OVER_ROUNDS_MAX = 10
_CLEAN_MAX_ROWS = 1_000  # about 20 ms, for which appends wait
_REST_FACTOR = 2.0  # of the time that a step of cleaning took: a third of the commits at most
_OWNERS_FIRST_S = 3.0  # owners renew within about a second after the store is back


class Sweeper:
    """Takes over lapsed runs each second, and every 15 seconds cleans up until nothing is left.

    Args:
        journal: commits the work, among other units.
        clock: wall time for ages, monotonic time for the pace.
        metrics: counts take-overs.
        alias_uses: flushed every 15 seconds.
        owners_first: renews this node's own leases, if that is late.
        on_failed: is told of each run that a take-over ended as failed.
        attempts_max: a run that lost its node this often is not tried again.
        compact_after_s: how long after the end of their run deltas are removed.
        retention_s: how long after their commit events are removed; None keeps them.

    The caller runs `run` in a task.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        metrics: Metrics,
        alias_uses: AliasUses,
        *,
        owners_first: Callable[[], Awaitable[None]],
        on_failed: Callable[[RunFailure], None],
        attempts_max: int,
        compact_after_s: float,
        retention_s: float | None,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._metrics = metrics
        self._alias_uses = alias_uses
        self._owners_first = owners_first
        self._on_failed = on_failed
        self._store_was_away = False
        self._take_over_at = clock.monotonic()
        self._attempts_max = attempts_max
        self._compact_after_s = compact_after_s
        self._retention_s = retention_s

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        journal: Journal,
        clock: Clock,
        metrics: Metrics,
        alias_uses: AliasUses,
        owners_first: Callable[[], Awaitable[None]],
        on_failed: Callable[[RunFailure], None],
    ) -> Self:
        """A sweeper with the ages that the settings give."""
        return cls(
            journal,
            clock,
            metrics,
            alias_uses,
            owners_first=owners_first,
            on_failed=on_failed,
            attempts_max=settings.attempts_max,
            compact_after_s=settings.compact_after_s,
            retention_s=settings.retention_s,
        )

    async def run(self) -> None:
        """Do all of it until cancelled."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(_each(_STEP_EVERY_S, self.take_over))
            loops.create_task(_each(_CLEAN_EVERY_S, self.flush))
            loops.create_task(_each(_CLEAN_EVERY_S, self.clean))

    async def take_over(self) -> None:
        """Take over lapsed runs; what fails is logged."""
        await _try_to("take over runs", self._take_over())

    async def flush(self) -> None:
        """Store the uses of legacy ids; what fails is logged."""
        await _try_to("store uses of legacy ids", self._alias_uses.flush())

    async def clean(self) -> None:
        """Remove old data until nothing is left; what fails is logged, and left for the next time.

        The kinds take turns, and all are asked again every 15 seconds, so that much of one does not
        keep the others waiting.
        """
        asked_at, due = self._clock.monotonic(), [*self._due()]
        while due:
            for sweep in tuple(due):
                if not await _try_to(sweep.what, self._clean(sweep)):
                    due.remove(sweep)
            if due and self._clock.monotonic() >= asked_at + _CLEAN_EVERY_S:
                asked_at, due = self._clock.monotonic(), [*self._due()]

    async def _take_over(self) -> None:
        """Take over lapsed runs, but not before living owners had a chance to renew.

        After an outage of the store the leases of all nodes may have lapsed together, and a node
        that was suspended finds its own lapsed.
        """
        await self._owners_first()
        if self._clock.monotonic() < self._take_over_at:
            return
        try:
            if self._store_was_away:
                await self._journal.append(RenewLeases(_OWNERS_FIRST_S, ()))  # is it back?
                self._store_was_away = False
                self._take_over_at = self._clock.monotonic() + _OWNERS_FIRST_S
                return
            await self._take_over_all()
        except ThreadcastError:
            self._store_was_away = True
            raise

    async def _take_over_all(self) -> None:
        for _ in range(_TAKE_OVER_ROUNDS_MAX):
            unit = TakeOverRuns(self._attempts_max, _TAKE_OVER_MAX_RUNS)
            taken = await self._journal.append(unit)
            self._metrics.take_overs.labels("requeued").inc(len(taken.requeued))
            self._metrics.take_overs.labels("ended").inc(len(taken.ended))
            for run_id in taken.requeued:
                log.warning("run %s: its node was lost; it is queued again", run_id)
            for run_id in taken.ended:
                log.warning("run %s: its node was lost; it was ended", run_id)
            for failure in taken.failed:
                self._on_failed(failure)
            if len(taken.requeued) + len(taken.ended) < _TAKE_OVER_MAX_RUNS:
                return

    def _due(self) -> Iterator[Sweep]:
        now = self._clock.now()
        yield Sweep("compact", now - self._compact_after_s, _CLEAN_MAX_ROWS)
        if self._retention_s is not None:
            yield Sweep("trim", now - self._retention_s, _CLEAN_MAX_ROWS)
        yield Sweep("purge", now, _CLEAN_MAX_ROWS)
        yield Sweep("forget", now, _CLEAN_MAX_ROWS)

    async def _clean(self, sweep: Sweep) -> bool:
        """One step, and a rest; whether there may be more."""
        began_at = self._clock.monotonic()
        if await self._journal.append(sweep) < sweep.limit:
            return False
        await asyncio.sleep(_REST_FACTOR * (self._clock.monotonic() - began_at))
        return True


async def _each(period_s: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await work()
        await asyncio.sleep(period_s)


async def _try_to(what: str, work: Awaitable[T]) -> T | None:
    """The result of this work, or None if it failed."""
    try:
        return await work
    except ThreadcastError as error:
        log.warning("sweeper: could not %s: %s", what, error)
        return None
