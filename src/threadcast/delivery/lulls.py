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

WAIT_MAX_S = 0.005
WAITING_MAX = 8

Step = Callable[[], None]


class Lulls:
    """Makes waiting steps in the lulls, in the order in which they came. One per node.

    The journal calls `begin` and `end`. All calls are made on one event loop.
    """

    def __init__(self) -> None:
        self._is_lull = True
        self._waiting: deque[tuple[Step, float]] = deque()  # with the latest time of each
        self._next: asyncio.Handle | None = None

    def begin(self) -> None:
        """No append waits, and no commit is under way."""
        begins, self._is_lull = not self._is_lull, True
        if begins and self._waiting:
            self._schedule(asyncio.get_running_loop())

    def end(self) -> None:
        """An append waits for its commit."""
        self._is_lull = False

    def call(self, step: Step) -> None:
        """Make a step in one of the next turns of the loop, at the latest after 5 ms, about.

        With eight that wait it is made at once: a node with a crowd has no time to lose.

        Args:
            step: must not raise, and should take a few tenths of a millisecond at most.
        """
        if len(self._waiting) >= WAITING_MAX:
            step()
            return
        loop = asyncio.get_running_loop()
        self._waiting.append((step, loop.time() + WAIT_MAX_S))
        if len(self._waiting) == 1:
            self._schedule(loop)

    async def wait(self) -> None:
        """Return when the caller may make its next step; see `call`."""
        if len(self._waiting) >= WAITING_MAX:
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.call(lambda: None if granted.done() else granted.set_result(None))
        await granted

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at the first step again: soon, or when it has waited long enough."""
        if self._next is not None:
            self._next.cancel()
        latest = self._waiting[0][1]
        if self._is_lull or latest <= loop.time():
            self._next = loop.call_soon(self._make_one, loop)
        else:
            self._next = loop.call_at(latest, self._make_one, loop)

    def _make_one(self, loop: asyncio.AbstractEventLoop) -> None:
        step: Step | None = None
        if self._is_lull or self._waiting[0][1] <= loop.time():
            step, _ = self._waiting.popleft()
        if self._waiting:
            self._schedule(loop)
        if step is not None:
            step()
