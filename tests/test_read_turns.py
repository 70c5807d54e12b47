"""Catch-up reads take turns: round robin by user, and live readers first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from threadcast.delivery.read_turns import ReadTurns


async def served(turns: ReadTurns, wanted: Sequence[tuple[str, bool]]) -> list[str]:
    """Who has a turn when, while one turn is taken until all of them wait."""
    order: list[str] = []

    async def one(user_id: str, *, first: bool) -> None:
        async with turns.turn(user_id, first=first):
            order.append(user_id)
            await asyncio.sleep(0)

    async with turns.turn("somebody", first=False):
        tasks = [asyncio.create_task(one(user_id, first=first)) for user_id, first in wanted]
        await asyncio.sleep(0)
        assert turns.waiting == len(wanted)
    await asyncio.gather(*tasks)
    assert turns.waiting == 0
    return order


async def test_one_user_with_many_devices_waits_as_the_others_do() -> None:
    wanted = [("many", False)] * 4 + [("one", False), ("two", False)]
    assert await served(ReadTurns(1), wanted) == ["many", "one", "two", "many", "many", "many"]


async def test_live_readers_go_first_without_starving_others() -> None:
    wanted = [("new", False)] * 2 + [(f"live-{number}", True) for number in range(6)]
    order = await served(ReadTurns(1), wanted)
    assert order[:5] == ["live-0", "live-1", "live-2", "live-3", "new"]
    assert sorted(order) == sorted(user_id for user_id, _ in wanted)


@pytest.mark.parametrize("count", [1, 3])
async def test_so_many_at_once_and_no_more(count: int) -> None:
    turns, inside, most = ReadTurns(count), 0, 0

    async def one(number: int) -> None:
        nonlocal inside, most
        async with turns.turn(f"user-{number % 5}", first=number % 2 == 0):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(one(number) for number in range(30)))
    assert most == count


async def test_a_cancelled_waiter_leaves_its_turn_to_the_next() -> None:
    turns = ReadTurns(1)
    entered: list[str] = []

    async def one(user_id: str) -> None:
        async with turns.turn(user_id, first=False):
            entered.append(user_id)

    async with turns.turn("holder", first=False):
        tasks = [asyncio.create_task(one(user_id)) for user_id in ("a", "b", "c")]
        await asyncio.sleep(0)
        tasks[0].cancel()  # while it waits
        await asyncio.sleep(0)
    tasks[1].cancel()  # after its turn was granted, before it knew
    await asyncio.wait(tasks)
    assert entered == ["c"]
    await one("d")
    assert entered == ["c", "d"]


@pytest.mark.parametrize("gone_first", [True, False])
async def test_a_turn_granted_to_a_cancelled_waiter_goes_to_the_next(*, gone_first: bool) -> None:
    """Cancelled and granted in one step of the loop: the task that waited was not resumed yet."""
    turns = ReadTurns(1)
    entered: list[str] = []

    async def one(user_id: str, *, first: bool) -> None:
        async with turns.turn(user_id, first=first):
            entered.append(user_id)

    async with turns.turn("holder", first=False):
        gone = asyncio.create_task(one("gone", first=gone_first))
        others = [asyncio.create_task(one(user_id, first=False)) for user_id in ("gone", "next")]
        await asyncio.sleep(0)
        gone.cancel()
    await asyncio.gather(*others)
    assert sorted(entered) == ["gone", "next"]
    await asyncio.gather(gone, return_exceptions=True)
    assert gone.cancelled()
    async with asyncio.timeout(5), turns.turn("later", first=False):
        assert turns.waiting == 0
