"""Draining a node: no new work, runs end or are handed over, appends are stored, clients go.

It happens once, begun by a shutdown or by an operator; later callers wait for the same drain. It
ends in bounded time, and it does not end the process: a drained node still answers probes (not
ready) and operators until it is stopped.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from .delivery.journal import Journal
from .delivery.websocket_manager import WebSocketManager
from .errors import ThreadcastError
from .runner import Runner
from .upkeep.alias_uses import AliasUses

__all__ = ["Drain"]

_FLUSH_MAX_S = 1.0
_GOODBYE_MAX_S = 1.0
_SPARE_S = 0.5  # so that waiting for `max_s` does not cut its last step short
_RECONNECT_SPREAD_MS = 2_000

log = logging.getLogger(__name__)


class Drain:
    """The one drain of a node.

    Args:
        runner: ends its runs, or hands them over.
        journal: flushes pending appends.
        alias_uses: flushes its counts.
        manager: disconnects the clients.
        runs_max_s: how long runs may take to end by themselves, in seconds.
    """

    def __init__(
        self,
        runner: Runner,
        journal: Journal,
        alias_uses: AliasUses,
        manager: WebSocketManager,
        *,
        runs_max_s: Callable[[], float],
    ) -> None:
        self._runner = runner
        self._journal = journal
        self._alias_uses = alias_uses
        self._manager = manager
        self._runs_max_s = runs_max_s
        self._task: asyncio.Task[None] | None = None

    @property
    def begun(self) -> bool:
        """Whether new work is refused."""
        return self._task is not None

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do."""
        return self._task is not None and self._task.done()

    @property
    def max_s(self) -> float:
        """How long it may take, in seconds: runs, hand-over, appends and disconnects."""
        runs_s = self._runs_max_s() + self._runner.hand_over_max_s
        return runs_s + _FLUSH_MAX_S + _GOODBYE_MAX_S + _SPARE_S

    def begin(self) -> asyncio.Task[None]:
        """Refuse new work from now on; the task ends when the drain is done. Idempotent."""
        if self._task is None:
            self._log_begin()
            self._task = asyncio.get_running_loop().create_task(self._run(), name="drain")
        return self._task

    async def finish(self) -> None:
        """Begin if necessary, and wait for the end; returns within `max_s`.

        Cancelling the waiter cancels the drain.
        """
        task = self.begin()
        if task.done():
            return
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not task.cancelled():
            task.result()

    def _log_begin(self) -> None:
        """Log what the drain waits for and for how long at most, since nothing else shows it."""
        running = self._runner.active
        if not running:
            log.info("this node drains: it takes no new work")
            return
        log.info(
            "this node drains: it takes no new work, and waits up to %g s for %d %s to end; "
            "one that does not, perhaps because it waits for a person, is handed over",
            self._runs_max_s(), running, "run" if running == 1 else "runs",
        )  # fmt: skip

    async def _run(self) -> None:
        await self._runner.drain(self._runs_max_s())
        try:
            async with asyncio.timeout(_FLUSH_MAX_S):
                await self._flush_alias_uses()
                await self._journal.drained()
        except TimeoutError:
            log.error("appends were still waiting when the server stopped")
        self._manager.end_all("shutting_down", retry_after_ms=_spread_ms)
        try:
            async with asyncio.timeout(_GOODBYE_MAX_S):
                await self._manager.emptied()
        except TimeoutError:
            log.warning("%d connections did not close in time", len(self._manager))

    async def _flush_alias_uses(self) -> None:
        try:
            await self._alias_uses.flush()
        except ThreadcastError as error:
            log.warning("the last uses of legacy ids were not stored: %s", error)


def _spread_ms() -> int:
    return random.randrange(_RECONNECT_SPREAD_MS)  # noqa: S311 - spreads reconnects, no secret
