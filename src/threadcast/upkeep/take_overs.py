"""Takes over runs whose node was lost: they are queued again, or ended after too many attempts.

Every node looks each second; the store makes each take-over happen once. Leases lapse by the
store's clock.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from ..clock import Clock
from ..delivery.journal import Journal
from ..errors import ThreadcastError
from ..metrics import Metrics
from ..store.records import RunFailure
from ..store.units import RenewLeases, TakeOverRuns
from .periodic import each, try_to

__all__ = ["TakeOvers"]

log = logging.getLogger(__name__)

_EVERY_S = 1.0
_MAX_RUNS = 100
_ROUNDS_MAX = 10
_OWNERS_FIRST_S = 3.0  # owners renew within about a second after the store is back


class TakeOvers:
    """Takes over lapsed runs.

    Args:
        journal: commits the take-overs, among other units.
        clock: monotonic time for the pace.
        metrics: counts them.
        owners_first: renews this node's own leases, if that is late.
        on_failed: is told of each run that a take-over ended as failed.
        attempts_max: a run that lost its node this often is not tried again.

    The caller runs `run` in a task.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        metrics: Metrics,
        *,
        owners_first: Callable[[], Awaitable[None]],
        on_failed: Callable[[RunFailure], None],
        attempts_max: int,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._metrics = metrics
        self._owners_first = owners_first
        self._on_failed = on_failed
        self._attempts_max = attempts_max
        self._store_was_away = False
        self._begins_at = clock.monotonic()

    async def run(self) -> None:
        """Take over lapsed runs each second until cancelled."""
        await each(_EVERY_S, self.take_over)

    async def take_over(self) -> None:
        """Take over lapsed runs; what fails is logged."""
        await try_to("take over runs", self._take_over())

    async def _take_over(self) -> None:
        """Take over lapsed runs, but not before living owners had a chance to renew.

        After an outage of the store the leases of all nodes may have lapsed together, and a node
        that was suspended finds its own lapsed.
        """
        await self._owners_first()
        if self._clock.monotonic() < self._begins_at:
            return
        try:
            if self._store_was_away:
                await self._journal.append(RenewLeases(_OWNERS_FIRST_S, ()))  # is it back?
                self._store_was_away = False
                self._begins_at = self._clock.monotonic() + _OWNERS_FIRST_S
                return
            await self._take_over_all()
        except ThreadcastError:
            self._store_was_away = True
            raise

    async def _take_over_all(self) -> None:
        for _ in range(_ROUNDS_MAX):
            taken = await self._journal.append(TakeOverRuns(self._attempts_max, _MAX_RUNS))
            self._metrics.take_overs.labels("requeued").inc(len(taken.requeued))
            self._metrics.take_overs.labels("ended").inc(len(taken.ended))
            for run_id in taken.requeued:
                log.warning("run %s: its node was lost; it is queued again", run_id)
            for run_id in taken.ended:
                log.warning("run %s: its node was lost; it was ended", run_id)
            for failure in taken.failed:
                self._on_failed(failure)
            if len(taken.requeued) + len(taken.ended) < _MAX_RUNS:
                return
