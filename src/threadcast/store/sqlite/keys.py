"""Integers that stand for text ids inside the database, and the codes of statuses.

A cached integer is only a name: what a row says is read in the transaction that relies on it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class RowKeys(NamedTuple):
    """The keys of the rows that an event belongs to."""

    user: int
    thread: int | None
    run: int | None


class RecentKeys(Generic[K, V]):
    """A bounded map that forgets what was not asked for longest.

    Args:
        max_count: the most entries, >= 1.
    """

    def __init__(self, max_count: int) -> None:
        self._max_count = max_count
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, if it is still known."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        """Remember a value, at the cost of the oldest when full."""
        self._entries[key] = value
        if len(self._entries) > self._max_count:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()


class KnownKeys:
    """What the writer remembers between transactions; dropped when one is rolled back.

    Args:
        users_max: how many users' rows to remember.
        runs_max: how many runs' rows to remember.
    """

    def __init__(self, users_max: int, runs_max: int) -> None:
        self.users: RecentKeys[str, int] = RecentKeys(users_max)
        self.runs: RecentKeys[tuple[str, str], RowKeys] = RecentKeys(runs_max)

    def clear(self) -> None:
        """Forget everything."""
        self.users.clear()
        self.runs.clear()
