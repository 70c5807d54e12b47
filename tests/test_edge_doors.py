"""A crowd is heard one connection in each turn of the loop; what else there is comes in between."""

from __future__ import annotations

import asyncio

from threadcast.edge.doors import Doors


class Quiet(asyncio.Transport):
    """A transport of which no more is asked than whether it was cut."""

    def __init__(self) -> None:
        super().__init__()
        self.cut = False

    def is_closing(self) -> bool:
        """Whether it was cut."""
        return self.cut

    def abort(self) -> None:
        """Cut it."""
        self.cut = True


def crowd(doors: Doors, count: int, heard: list[int]) -> list[Quiet]:
    """So many who come in the same moment; `heard` gets their numbers."""
    loop = asyncio.get_running_loop()
    transports = [Quiet() for _ in range(count)]
    for number, transport in enumerate(transports):
        doors.come(transport, lambda number=number: heard.append(number), loop)  # type: ignore[misc]
    return transports


async def test_one_in_each_turn_and_in_the_order_of_coming() -> None:
    heard: list[int] = []
    crowd(Doors(), 5, heard)
    assert heard == []
    for turn in range(1, 6):
        await asyncio.sleep(0)
        assert heard == list(range(turn))


async def test_who_has_gone_takes_nobodys_turn() -> None:
    heard: list[int] = []
    transports = crowd(Doors(), 3, heard)
    transports[0].abort()
    await asyncio.sleep(0)
    assert heard == [1]


async def test_they_are_opened_again_after_everybody_was_heard() -> None:
    doors, heard = Doors(), list[int]()
    for _ in range(2):
        crowd(doors, 1, heard)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert heard == [0, 0]


async def test_so_many_may_wait() -> None:
    transports = crowd(Doors(), 10_001, [])
    assert [one.cut for one in transports[-2:]] == [False, True]
