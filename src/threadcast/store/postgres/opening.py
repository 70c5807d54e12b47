"""Opening a connection continues after its caller has timed out, and the next caller gets it.

Opening one costs PostgreSQL more than most statements. If every timeout started over, an overloaded
database would spend its time on connections that nobody waits for any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from .connecting import Connection

Connect = Callable[[], Coroutine[Any, Any, Connection]]


class Opening:
    """Opens one connection at a time; it goes to the caller that waits when it is ready.

    Args:
        connect: opens a connection, in a bounded time.
        wait_s: how long a caller waits, in seconds.
    """

    def __init__(self, connect: Connect, *, wait_s: float) -> None:
        self._connect = connect
        self._wait_s = wait_s
        self._task: asyncio.Task[Connection] | None = None

    async def connection(self) -> Connection:
        """An open connection; from then on the caller owns it.

        Raises:
            TimeoutError: it was not ready in time; the next call may get it.
            ThreadcastError: `unavailable`, it could not be opened.
        """
        async with asyncio.timeout(self._wait_s):
            if self._task is not None and (earlier := await self._ended(self._task)):
                return earlier
            self._task = asyncio.create_task(self._connect(), name="opening")
            await asyncio.wait((self._task,))
        task, self._task = self._task, None
        return task.result()

    async def _ended(self, task: asyncio.Task[Connection]) -> Connection | None:
        """The result of an attempt that an earlier call started; None if it failed."""
        await asyncio.wait((task,))
        self._task = None
        return None if task.exception() else task.result()

    def discard(self) -> None:
        """Stop opening, and close a connection that nobody took."""
        task, self._task = self._task, None
        if task is None:
            return
        if task.done():
            _terminate(task)
        else:
            task.cancel()
            task.add_done_callback(_terminate)

    async def close(self) -> None:
        """As `discard`, and wait until the attempt has ended."""
        task = self._task
        self.discard()
        if task is not None:
            await asyncio.wait((task,))


def _terminate(task: asyncio.Task[Connection]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().terminate()
