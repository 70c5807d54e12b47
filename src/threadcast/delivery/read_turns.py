"""Which reader may read its journal next: a bounded number at once, round robin by user.

A user with many devices gets as many turns as one with a single device. Readers that were live go
before new ones. It knows nothing of journals.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_FIRST_IN_A_ROW_MAX = 4  # then one of the others gets a turn, so that none starves


class ReadTurns:
    """Grants turns. The caller bounds how many wait.

    Args:
        count: how many turns may be held at the same time, >= 1.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._first = _InTurn()
        self._others = _InTurn()
        self._first_in_a_row = 0

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._first) + len(self._others)

    @asynccontextmanager
    async def turn(self, user_id: str, *, first: bool) -> AsyncIterator[None]:
        """Wait for a turn, and have it inside the block.

        Args:
            user_id: for whom; each user has one turn before any has two.
            first: go before those that did not ask for it; four in a row at most.
        """
        if self._free:
            self._free -= 1
        else:
            await (self._first if first else self._others).wait(user_id, self._pass_on)
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        """A turn has ended, or its waiter was cancelled: grant it to the next."""
        if not any(waiting.grant() for waiting in (self._next(), self._first, self._others)):
            self._free += 1

    def _next(self) -> _InTurn:
        if not self._others or (self._first and self._first_in_a_row < _FIRST_IN_A_ROW_MAX):
            self._first_in_a_row += 1
            return self._first
        self._first_in_a_row = 0
        return self._others


class _InTurn:
    """Waiters by user; the user whose last turn is longest ago comes first."""

    def __init__(self) -> None:
        self._by_user: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    async def wait(self, user_id: str, give_back: Callable[[], None]) -> None:
        """Wait until `grant` picks this waiter; a grant that finds it cancelled is given back."""
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._by_user.setdefault(user_id, deque()).append(granted)
        self._count += 1
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                give_back()
            else:
                self._forget(user_id, granted)
            raise

    def grant(self) -> bool:
        """Wake the next waiter; whether there was one."""
        while self._by_user:
            user_id, waiting = self._by_user.popitem(last=False)
            granted = waiting.popleft()
            self._count -= 1
            if waiting:
                self._by_user[user_id] = waiting
            if not granted.cancelled():  # else it was cancelled, and its task has not run since
                granted.set_result(None)
                return True
        return False

    def _forget(self, user_id: str, granted: asyncio.Future[None]) -> None:
        waiting = self._by_user.get(user_id, ())
        if not waiting or granted not in waiting:
            return  # `grant` met it first
        waiting.remove(granted)
        self._count -= 1
        if not waiting:
            del self._by_user[user_id]
