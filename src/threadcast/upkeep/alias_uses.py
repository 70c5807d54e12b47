"""Counts uses of legacy ids, in memory, flushed to the store periodically.

A read never waits for this, and a use costs a dictionary entry. What was gathered since the last
`flush` is lost with the process: it is a statistic that nothing relies on.
"""

from __future__ import annotations

from dataclasses import replace

from ..clock import Clock
from ..context import UserExecutionContext
from ..delivery.journal import Journal
from ..errors import ThreadcastError
from ..metrics import Metrics
from ..store.migration_units import AliasUse, CountAliasUses
from ..store.session import Entrance
from .periodic import each, try_to

GATHERED_MAX_ALIASES = 10_000
_COMMIT_MAX_ALIASES = 500
_FLUSH_EVERY_S = 15.0


class AliasUses:
    """Counts uses of legacy ids.

    Args:
        journal: stores them.
        clock: wall time of a use.
        metrics: counts every use.
        gathered_max: how many different ids are remembered between two flushes; further ones are
            counted in the metric only.

    The caller runs `run` in a task.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        metrics: Metrics,
        *,
        gathered_max: int = GATHERED_MAX_ALIASES,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._metrics = metrics
        self._gathered_max = gathered_max
        self._gathered: dict[tuple[str, str], AliasUse] = {}

    def used(self, context: UserExecutionContext, legacy_id: str, entrance: Entrance) -> None:
        """Count a use: a legacy id resolved to a thread of the context's user."""
        self._metrics.legacy_id_uses.labels(entrance).inc()
        key = context.user_id, legacy_id
        before = self._gathered.get(key)
        if before is None and len(self._gathered) >= self._gathered_max:
            return
        count = 1 if before is None else before.count + 1
        self._gathered[key] = AliasUse(context, legacy_id, count, self._clock.now())

    async def run(self) -> None:
        """Flush every 15 seconds until cancelled; what fails is logged."""

        async def flush() -> None:
            await try_to("store uses of legacy ids", self.flush())

        await each(_FLUSH_EVERY_S, flush)

    async def flush(self) -> None:
        """Store what was gathered.

        Raises:
            ThreadcastError: it could not be stored; the counts are kept for the next flush.
        """
        while self._gathered:
            uses = list(self._gathered.values())[:_COMMIT_MAX_ALIASES]
            for use in uses:
                del self._gathered[use.context.user_id, use.legacy_id]
            try:
                await self._journal.append(CountAliasUses(uses))
            except ThreadcastError:
                self._take_back(uses)
                raise

    def _take_back(self, uses: list[AliasUse]) -> None:
        """Merge counts that were not stored with those gathered meanwhile."""
        for use in uses:
            key = use.context.user_id, use.legacy_id
            since = self._gathered.get(key)
            if since is None:
                self._gathered[key] = use
            else:
                self._gathered[key] = replace(since, count=use.count + since.count)
