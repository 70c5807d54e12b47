"""Removes old data, in bounded steps.

Every node sweeps; the store lets one node at a time remove old data. Age is by this node's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from ..clock import Clock
from ..delivery.journal import Journal
from ..store.units import Sweep
from .periodic import each, try_to

__all__ = ["Sweeper"]

_EVERY_S = 15.0
_MAX_ROWS = 1_000  # about 20 ms, for which appends wait
_REST_FACTOR = 2.0  # of the time that a step took: a third of the commits at most


class Sweeper:
    """Compacts, trims, purges and forgets every 15 seconds, until nothing is left.

    Args:
        journal: commits the steps, among other units.
        clock: wall time for ages, monotonic time for the pace.
        compact_after_s: how long after the end of their run deltas are removed.
        retention_s: how long after their commit events are removed; None keeps them.

    The caller runs `run` in a task.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        *,
        compact_after_s: float,
        retention_s: float | None,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._compact_after_s = compact_after_s
        self._retention_s = retention_s

    async def run(self) -> None:
        """Sweep until cancelled."""
        await each(_EVERY_S, self.sweep)

    async def sweep(self) -> None:
        """Remove old data until nothing is left; what fails is logged, and left for the next time.

        The kinds take turns, and all are asked again every 15 seconds, so that much of one does not
        keep the others waiting.
        """
        asked_at, due = self._clock.monotonic(), [*self._due()]
        while due:
            for sweep in tuple(due):
                if not await try_to(f"{sweep.what} old data", self._step(sweep)):
                    due.remove(sweep)
            if due and self._clock.monotonic() >= asked_at + _EVERY_S:
                asked_at, due = self._clock.monotonic(), [*self._due()]

    def _due(self) -> Iterator[Sweep]:
        now = self._clock.now()
        yield Sweep("compact", now - self._compact_after_s, _MAX_ROWS)
        if self._retention_s is not None:
            yield Sweep("trim", now - self._retention_s, _MAX_ROWS)
        yield Sweep("purge", now, _MAX_ROWS)
        yield Sweep("forget", now, _MAX_ROWS)

    async def _step(self, sweep: Sweep) -> bool:
        """One step, and a rest; whether there may be more."""
        began_at = self._clock.monotonic()
        if await self._journal.append(sweep) < sweep.limit:
            return False
        await asyncio.sleep(_REST_FACTOR * (self._clock.monotonic() - began_at))
        return True
