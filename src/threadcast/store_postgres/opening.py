"""A connection that is being opened goes on being opened when somebody stops to wait for it.

To open one costs the database more than most statements. Where it has so much to do that this takes
longer than anybody waits, to begin again and again would keep it from ever ending one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from .connecting import Connection

Connect = Callable[[], Coroutine[Any, Any, Connection]]


class Opening:
    """Opens one connection at a time, for whoever waits when it is there.

    Args:
        connect: opens a connection, in a bounded time.
        wait_s: how long somebody waits, in seconds.
    """

    def __init__(self, connect: Connect, *, wait_s: float) -> None:
        self._connect = connect
        self._wait_s = wait_s
        self._task: asyncio.Task[Connection] | None = None

    async def connection(self) -> Connection:
        """An open connection, which is the caller's.

        Raises:
            TimeoutError: it was not open in time; the next call may find it.
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
        """What somebody else began to open; that it failed says nothing of now."""
        await asyncio.wait((task,))
        self._task = None
        return None if task.exception() else task.result()

    def discard(self) -> None:
        """Open no connection any more, and close one that nobody waited for."""
        task, self._task = self._task, None
        if task is None:
            return
        if task.done():
            _terminate(task)
        else:
            task.cancel()
            task.add_done_callback(_terminate)

    async def close(self) -> None:
        """The same, and wait until nothing is left of it."""
        task = self._task
        self.discard()
        if task is not None:
            await asyncio.wait((task,))


def _terminate(task: asyncio.Task[Connection]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().terminate()
