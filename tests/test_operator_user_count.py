"""How many users are connected: asked of the store where nodes cannot tell, and not too often."""

from __future__ import annotations

from pathlib import Path

import pytest

from threadcast.errors import ThreadcastError
from threadcast.operators.user_count import UserCount
from threadcast.store.sqlite import SqliteStore
from threadcast.testing.clock import ManualClock


class Shared(SqliteStore):
    """A store of several nodes that takes its time to count."""

    takes_s = 0.0
    users: int | None = 0
    asked = 0

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(Path("never-opened.db"), clock=clock)
        self._manual = clock

    @property
    def shared(self) -> bool:
        return True

    async def count_connected_users(self) -> int | None:
        self.asked += 1
        self._manual.advance(self.takes_s)
        if self.users is None:
            raise ThreadcastError("unavailable")
        return self.users


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_a_node_that_is_alone_knows_all_users_by_itself(clock: ManualClock) -> None:
    store = Shared(clock)
    count = UserCount(store, clock)
    await count.take(2)
    assert (store.asked, count.count) == (1, 0)
    await count.take(1)
    assert (store.asked, count.count) == (1, None)


async def test_the_longer_it_takes_the_more_seldom_it_is_asked(clock: ManualClock) -> None:
    store = Shared(clock)
    store.takes_s = 0.1
    count = UserCount(store, clock)
    await count.take(2)
    store.users = 7
    clock.advance(9.9)
    await count.take(2)
    assert (count.count, store.asked) == (0, 1)
    clock.advance(0.2)
    await count.take(2)
    assert (count.count, store.asked) == (7, 2)


async def test_without_an_answer_nothing_is_known(clock: ManualClock) -> None:
    store = Shared(clock)
    count = UserCount(store, clock)
    await count.take(2)
    store.users = None
    clock.advance(60)
    with pytest.raises(ThreadcastError):
        await count.take(2)
    assert count.count is None
