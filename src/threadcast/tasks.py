"""Structured concurrency: every task has an owner that waits for it.

`asyncio.TaskGroup` ends everything when one member fails; the members here are independent (one
connection's work must not end another's), so a failure is logged and the rest goes on.
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
        """Cancel running tasks and wait for them."""
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


class VitalTasks:
    """Long-lived tasks without which their owner cannot go on.

    Attributes:
        failed: set when one of them has ended without being cancelled.

    The owner must await `close`.
    """

    def __init__(self) -> None:
        self.failed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._tasks)

    def begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`; `name` is what the log calls it should it end."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    async def close(self) -> None:
        """Cancel all, the latest first, and wait for them."""
        for task in reversed(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            log.critical(
                "the %s ended; this node stops", task.get_name(), exc_info=task.exception()
            )
            self.failed.set()


async def set_within(signal: asyncio.Event, bound_s: float) -> bool:
    """Wait until `signal` is set, at most `bound_s` seconds; whether it is."""
    try:
        async with asyncio.timeout(bound_s):
            await signal.wait()
    except TimeoutError:
        return False
    return True
