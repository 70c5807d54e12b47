"""Tasks that belong to somebody: nothing runs that nobody waits for.

`asyncio.TaskGroup` ends everything when one member fails; the members here are independent of each
other (one connection's work must not end another's), so a failure is logged and the rest goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


class OwnedTasks:
    """A set of independent tasks with one owner, who must `await close()`.

    Args:
        what: names the work in the log, such as "catch-up".
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` as a task of this owner."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def finished(self, bound_s: float) -> bool:
        """Wait until every task has ended, at most `bound_s` seconds; whether they have."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=bound_s)
        return not self._tasks

    async def close(self) -> None:
        """Cancel what still runs and wait for it."""
        while self._tasks:
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await asyncio.sleep(0)  # lets the callbacks of ended tasks run

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a %s failed", self._what, exc_info=task.exception())


async def set_within(signal: asyncio.Event, bound_s: float) -> bool:
    """Wait until `signal` is set, at most `bound_s` seconds; whether it is."""
    try:
        async with asyncio.timeout(bound_s):
            await signal.wait()
    except TimeoutError:
        return False
    return True
