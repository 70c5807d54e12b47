"""Lulls between commits, in which one step at a time is made for readers that arrive.

An event passes the event loop several times on its way from its append to its readers' sockets, and
whatever the loop does in between delays it. So each step of an arrival (its admission, its
handshake, a read of the journal) waits until no append waits for its commit, and at most one step
is let go per turn of the loop. Where commits follow each other without a lull, or many arrive at
once, steps are made all the same. It knows neither journals nor connections.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

WAITING_MAX = 8
_WAIT_MAX_S = 0.005
_HALF_TICK_S = 0.0005  # uvloop counts whole milliseconds, and rounds the times of its timers

Step = Callable[[], None]


class Lulls:
    """Makes waiting steps in the lulls, in the order in which they came. One per node.

    All calls are made on one event loop.

    Args:
        wait_max_s: after this time a step is made without a lull, in seconds, about.
    """

    def __init__(self, *, wait_max_s: float = _WAIT_MAX_S) -> None:
        self._wait_max_s = wait_max_s
        self._is_lull = True
        self._waiting: deque[tuple[Step, float]] = deque()  # with the latest time of each
        self._next: asyncio.Handle | None = None

    def begin(self) -> None:
        """Note that no append waits, and no commit is under way."""
        if self._is_lull:
            return
        self._is_lull = True
        if self._waiting:
            self._schedule()

    def end(self) -> None:
        """Note that an append waits for its commit."""
        self._is_lull = False

    def call(self, step: Step) -> None:
        """Make a step in one of the next turns of the loop, at the latest after `wait_max_s`.

        With eight that wait it is made at once: a node with a crowd has no time to lose.

        Args:
            step: must not raise, and should take a few tenths of a millisecond at most.
        """
        if len(self._waiting) >= WAITING_MAX:
            step()
            return
        latest = asyncio.get_running_loop().time() + self._wait_max_s
        self._waiting.append((step, latest))
        if len(self._waiting) == 1:
            self._schedule()

    async def wait(self) -> None:
        """Return when the caller may make its next step; see `call`."""
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def grant() -> None:
            if not granted.done():  # else its caller was cancelled
                granted.set_result(None)

        self.call(grant)
        await granted

    def _schedule(self) -> None:
        """Look at the first step again: soon, or when it has waited long enough."""
        if self._next is not None:
            self._next.cancel()
        loop = asyncio.get_running_loop()
        if self._is_due():
            self._next = loop.call_soon(self._make_one)
        else:
            self._next = loop.call_at(self._waiting[0][1], self._make_one)

    def _is_due(self) -> bool:
        left_s = self._waiting[0][1] - asyncio.get_running_loop().time()
        return self._is_lull or left_s < _HALF_TICK_S

    def _make_one(self) -> None:
        if not self._is_due():  # an append came meanwhile
            self._schedule()
            return
        step, _ = self._waiting.popleft()
        if self._waiting:
            self._schedule()
        step()
