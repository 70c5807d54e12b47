"""Steps for arriving readers are made between commits, one at a time, and never starve."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from delivery_scene import delivering
from eventually import until
from threadcast.delivery.lulls import WAITING_MAX, Lulls


async def turns(count: int) -> None:
    """Let the loop turn so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_in_a_lull_one_step_is_made_per_turn_of_the_loop() -> None:
    lulls, made = Lulls(), list[int]()
    for number in range(3):
        lulls.call(partial(made.append, number))
    for count in range(4):
        assert made == list(range(count))
        await turns(1)


async def test_steps_wait_while_a_commit_is_under_way() -> None:
    lulls, made = Lulls(), list[int]()
    lulls.call(partial(made.append, 0))
    lulls.end()  # it was to be made in the next turn
    lulls.call(partial(made.append, 1))
    await turns(2)
    assert made == []
    lulls.begin()
    lulls.begin()
    await turns(2)
    assert made == [0, 1]


async def test_steps_are_made_in_the_end_where_there_is_no_lull() -> None:
    lulls, made = Lulls(), list[int]()
    lulls.end()
    for number in range(3):
        lulls.call(partial(made.append, number))
    await until(lambda: made == [0, 1, 2])


async def test_a_crowd_does_not_wait() -> None:
    lulls, made = Lulls(), list[int]()
    lulls.end()
    for number in range(WAITING_MAX + 2):
        lulls.call(partial(made.append, number))
    assert made == [WAITING_MAX, WAITING_MAX + 1]
    await lulls.wait()
    assert len(made) == 2
    await until(lambda: sorted(made) == list(range(WAITING_MAX + 2)))


async def test_a_client_that_leaves_while_it_waits_holds_nobody_up() -> None:
    lulls = Lulls()
    lulls.end()
    leaving, staying = [asyncio.create_task(lulls.wait()) for _ in range(2)]
    await turns(1)
    leaving.cancel()
    lulls.begin()
    await staying
    assert leaving.cancelled()


async def test_the_journal_has_a_lull_when_nothing_waits_for_its_commit(tmp_path: Path) -> None:
    async with delivering(tmp_path) as delivery:
        made = list[str]()
        delivery.store.commits.close()
        appended = asyncio.create_task(delivery.journal.append(delivery.thread()))
        await delivery.store.commits.next_arrival()
        delivery.journal.lulls.call(partial(made.append, "step"))
        await turns(3)
        assert made == []
        delivery.store.commits.open()
        await appended
        await until(lambda: made == ["step"])
