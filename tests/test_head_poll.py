"""The head poll finds what no hint said, and goes on when the store does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from delivery_scene import WAIT_S, Delivery, delivering
from threadcast.errors import ThreadcastError
from threadcast.head_poll import HeadPoll


class Noted:
    """`AttachedUsers` that remembers what it was told."""

    def __init__(self, *users: str) -> None:
        self.users = users
        self.heads: dict[str, int] = {}
        self.told = asyncio.Event()

    def attached_users(self) -> Sequence[str]:
        """Those of the test."""
        return self.users

    def notice(self, user_id: str, head: int) -> None:
        """Remember the head."""
        self.heads[user_id] = head
        self.told.set()


@asynccontextmanager
async def polling(tmp_path: Path, *users: str) -> AsyncIterator[tuple[Delivery, Noted, HeadPoll]]:
    async with delivering(tmp_path) as delivery:
        noted = Noted(*users)
        yield delivery, noted, HeadPoll(delivery.store, noted, delivery.clock, delivery.metrics)


async def test_it_tells_heads_of_attached_users_and_of_no_others(tmp_path: Path) -> None:
    async with polling(tmp_path, "ann", "bob", "new") as (delivery, noted, poll):
        for user_id, count in (("ann", 3), ("bob", 1), ("away", 2)):
            await delivery.grow(count, user_id)
        await poll.look()
        assert noted.heads == {"ann": 3, "bob": 1}


async def test_so_many_users_are_asked_for_in_one_query(tmp_path: Path) -> None:
    many = [f"user-{number}" for number in range(1_999)]
    async with polling(tmp_path, "ann", *many) as (delivery, noted, poll):
        await delivery.grow(1, "ann")
        await poll.look()
        assert noted.heads == {"ann": 1}
        assert delivery.store.head_reads.arrived == 1


async def test_it_goes_on_when_the_store_does_not_answer(tmp_path: Path) -> None:
    async with polling(tmp_path, "ann") as (delivery, noted, poll):
        await delivery.grow(1, "ann")
        delivery.store.head_faults = [ThreadcastError("unavailable")]
        running = asyncio.create_task(poll.run(0.01))
        async with asyncio.timeout(WAIT_S):
            await noted.told.wait()
        running.cancel()
        await asyncio.wait([running])
        assert noted.heads == {"ann": 1}
        assert delivery.store.head_reads.arrived >= 2
