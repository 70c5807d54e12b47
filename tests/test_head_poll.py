"""The head poll finds what no hint said, and goes on when the store does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from delivery_scene import Delivery, delivering
from patience import WAIT_S
from threadcast.bus import HintsMissed, RunsWaiting
from threadcast.delivery.head_poll import HeadPoll
from threadcast.errors import ThreadcastError

NEVER_S = 3_600.0


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

    async def hears(self, user_id: str) -> None:
        """Wait until this user's head was told."""
        async with asyncio.timeout(WAIT_S):
            while user_id not in self.heads:
                self.told.clear()
                await self.told.wait()


@asynccontextmanager
async def running(poll: HeadPoll, poll_s: float) -> AsyncIterator[None]:
    task = asyncio.create_task(poll.run(poll_s))
    yield
    task.cancel()
    await asyncio.wait([task])


@asynccontextmanager
async def polling(tmp_path: Path, *users: str) -> AsyncIterator[tuple[Delivery, Noted, HeadPoll]]:
    async with delivering(tmp_path) as delivery:
        noted = Noted(*users)
        yield delivery, noted, HeadPoll(delivery.store, noted, delivery.clock, delivery.metrics)


async def test_it_tells_heads_of_attached_users_and_of_no_others(tmp_path: Path) -> None:
    async with polling(tmp_path, "ann", "bob", "new") as (delivery, noted, poll):
        for user_id, count in (("ann", 3), ("bob", 1), ("away", 2)):
            await delivery.grow(count, user_id)
        await poll.poll()
        assert noted.heads == {"ann": 3, "bob": 1}


async def test_so_many_users_are_asked_for_in_one_query(tmp_path: Path) -> None:
    many = [f"user-{number}" for number in range(1_999)]
    async with polling(tmp_path, "ann", *many) as (delivery, noted, poll):
        await delivery.grow(1, "ann")
        await poll.poll()
        assert noted.heads == {"ann": 1}
        assert delivery.store.head_reads.arrived == 1


async def test_it_goes_on_when_the_store_does_not_answer(tmp_path: Path) -> None:
    async with polling(tmp_path, "ann") as (delivery, noted, poll):
        await delivery.grow(1, "ann")
        delivery.store.head_faults = [ThreadcastError("unavailable")]
        async with running(poll, 0.01):
            await noted.hears("ann")
        assert noted.heads == {"ann": 1}
        assert delivery.store.head_reads.arrived >= 2


async def test_what_may_have_been_missed_during_a_look_is_looked_at_together(
    tmp_path: Path,
) -> None:
    async with polling(tmp_path) as (delivery, noted, poll):
        for user_id in ("ann", "bob", "carol"):
            await delivery.grow(1, user_id)
        delivery.store.head_reads.close()
        poll.receive(HintsMissed(["ann"]))
        async with running(poll, NEVER_S):
            await delivery.store.head_reads.next_arrival()
            poll.receive(HintsMissed(["bob", "ann"]))
            poll.receive(HintsMissed(["carol", "bob"]))
            delivery.store.head_reads.open()
            await noted.hears("carol")

        assert noted.heads == {"ann": 1, "bob": 1, "carol": 1}
        assert delivery.store.head_reads.arrived == 2


async def test_other_hints_and_nobody_are_no_reason_to_look(tmp_path: Path) -> None:
    async with polling(tmp_path, "bob") as (delivery, noted, poll):
        for user_id in ("ann", "bob"):
            await delivery.grow(1, user_id)
        poll.receive(RunsWaiting())
        poll.receive(HintsMissed([]))
        poll.receive(HintsMissed(["ann"]))
        async with running(poll, NEVER_S):
            await noted.hears("ann")

        assert noted.heads == {"ann": 1}
        assert delivery.store.head_reads.arrived == 1


async def test_a_look_that_fails_is_left_to_the_next_look_at_all(tmp_path: Path) -> None:
    async with polling(tmp_path, "ann") as (delivery, noted, poll):
        await delivery.grow(1, "ann")
        delivery.store.head_faults = [ThreadcastError("unavailable")]
        poll.receive(HintsMissed(["ann"]))
        async with running(poll, 0.05):
            await noted.hears("ann")

        assert delivery.store.head_reads.arrived >= 2
