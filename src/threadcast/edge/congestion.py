"""Backpressure of one connection: while the client does not read, writers wait, for a bounded time.

It may not know frames or the connection's phases.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Congestion:
    """Whether one connection's write buffer is full, and the writers that wait for it to drain.

    Args:
        loop: where waiters wait.
        stall_max_s: how long the buffer may stay full, in seconds.
    """

    __slots__ = ("_loop", "_stall_max_s", "_timer", "_waiters", "now")

    def __init__(self, loop: asyncio.AbstractEventLoop, *, stall_max_s: float) -> None:
        self.now = False
        self._loop = loop
        self._stall_max_s = stall_max_s
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: list[asyncio.Future[None]] | None = None

    def begin(self, on_stall: Callable[[], None]) -> None:
        """The buffer passed its high-water mark; `on_stall` is called if that lasts too long."""
        self.now = True
        self._timer = self._loop.call_later(self._stall_max_s, on_stall)

    def end(self) -> None:
        """The buffer drained, or the connection ended: wake all writers."""
        self.now = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiters, self._waiters = self._waiters or [], None
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait_end(self) -> None:
        """Wait until the buffer has drained; returns immediately when it is not full."""
        while self.now:
            waiter = self._loop.create_future()
            if self._waiters is None:
                self._waiters = []
            self._waiters.append(waiter)
            await waiter
