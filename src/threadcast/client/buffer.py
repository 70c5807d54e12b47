"""The bounded queue from the connection, which pushes, to the one reader, which pulls.

Pushing never waits: the connection checks `full` first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class HandOver(Generic[Item]):
    """A queue with one reader, bounded by items and by bytes, that can end with an error.

    Args:
        max_items: full at this many items.
        max_bytes: full at this many bytes.
    """

    def __init__(self, *, max_items: int, max_bytes: int) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._items: deque[tuple[Item, int]] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self._filled = asyncio.Event()
        self._reading = False
        self._ended = False
        self._failure: BaseException | None = None

    @property
    def full(self) -> bool:
        """Whether nothing more should be pushed."""
        return len(self._items) >= self._max_items or self._bytes >= self._max_bytes

    @property
    def half_empty(self) -> bool:
        """Whether at least half of the capacity is free again."""
        return len(self._items) <= self._max_items // 2 and self._bytes <= self._max_bytes // 2

    def push(self, item: Item, size_bytes: int) -> None:
        """Add an item; the last one may exceed the bound."""
        self._items.append((item, size_bytes))
        self._bytes += size_bytes
        self._filled.set()

    def nudge(self) -> None:
        """Wake the waiter in `changed`."""
        self._changed.set()

    async def changed(self) -> None:
        """Wait until an item was taken or `nudge` was called."""
        self._changed.clear()
        await self._changed.wait()

    async def pull(self) -> Item:
        """Take the next item.

        Raises:
            StopAsyncIteration: it has ended and is empty.
            RuntimeError: another task is pulling.
            BaseException: the failure that it ended with, once.
        """
        if self._reading:
            raise RuntimeError("one task at a time may read from a client")
        self._reading = True
        try:
            while not self._items:
                self._raise_if_ended()
                self._filled.clear()
                await self._filled.wait()
        finally:
            self._reading = False
        item, size_bytes = self._items.popleft()
        self._bytes -= size_bytes
        self._changed.set()
        return item

    def end(self, failure: BaseException | None) -> None:
        """Accept nothing more; after the remaining items the reader gets `failure` or the end."""
        if not self._ended:
            self._ended = True
            self._failure = failure
        self._filled.set()
        self._changed.set()

    def _raise_if_ended(self) -> None:
        if not self._ended:
            return
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        raise StopAsyncIteration
