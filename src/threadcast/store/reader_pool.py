"""A bounded pool of store readers, each lent to one session at a time.

It may not know what a reader reads. A reader in an unknown state is never lent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from ..errors import ThreadcastError

__all__ = ["PooledReader", "ReaderPool"]


class PooledReader(Protocol):
    """A connection that reads.

    Attributes:
        waited_s: how long the session waited for it, in seconds; set when it is lent.
    """

    waited_s: float

    @property
    def broken(self) -> bool:
        """Whether it must not be used again."""
        ...

    def discard(self) -> None:
        """Close it without waiting; harmless when it is closed."""
        ...

    async def close(self) -> None:
        """Close it in order, when nobody uses it."""
        ...


R = TypeVar("R", bound=PooledReader)


class ReaderPool(Generic[R]):
    """Lends readers to sessions.

    Args:
        make: makes a reader that has not connected yet.
        count: the most readers that exist at the same time, >= 1.
        wait_max_s: how long a session may wait for one, in seconds.
    """

    def __init__(self, make: Callable[[], R], *, count: int, wait_max_s: float) -> None:
        self._make = make
        self._wait_max_s = wait_max_s
        self._free = asyncio.Semaphore(count)
        self._idle: list[R] = []
        self._closed = False

    async def acquire(self) -> R:
        """A reader without a snapshot; the caller must return it by `put_back`.

        Raises:
            ThreadcastError: `unavailable`: none was free in time, or the pool is closed.
        """
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        try:
            async with asyncio.timeout(self._wait_max_s):
                await self._free.acquire()
        except TimeoutError as error:
            message = f"no reader was free within {self._wait_max_s:g} s"
            raise ThreadcastError("unavailable", message) from error
        if self._closed:
            self._free.release()
            raise ThreadcastError("unavailable", "the store is closed")
        reader = self._idle.pop() if self._idle else self._make()
        reader.waited_s = loop.time() - began_at
        return reader

    def put_back(self, reader: R) -> None:
        """Return a reader after its snapshot has ended; a broken one is dropped."""
        if reader.broken or self._closed:
            reader.discard()
        else:
            self._idle.append(reader)
        self._free.release()

    async def close(self) -> None:
        """Close the idle readers; the others close when they are returned."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()
