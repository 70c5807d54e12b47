"""The contract suite that every bus must pass.

A test module of a bus defines the fixture `ends`: two open ends of nodes `node_a` and `node_b`,
which may be the same end if the bus is in-process; and a subclass of `BusContract`.
"""

from __future__ import annotations

from bus_scene import End, about, grew, said
from threadcast.bus import JournalGrew, JournalReached, RunSignal, RunsWaiting

Ends = tuple[End, End]


class BusContract:
    """All of it."""

    async def test_hints_are_heard_here_at_once_and_there_once(self, ends: Ends) -> None:
        here, there = ends
        await there.follow("ann")
        hints = about("ann", "node_b")
        for hint in hints:
            here.bus.publish(hint)

        assert [said(one) for one in here.heard[: len(hints)]] == [said(one) for one in hints]
        assert [said(one) for one in await there.next(len(hints))] == [said(one) for one in hints]

    async def test_hints_of_one_call_come_in_their_order(self, ends: Ends) -> None:
        here, there = ends
        await there.follow("ann")
        hints = about("ann", "node_b")
        here.bus.publish(*hints)

        assert [said(one) for one in here.heard[: len(hints)]] == [said(one) for one in hints]
        assert [said(one) for one in await there.next(len(hints))] == [said(one) for one in hints]

    async def test_that_runs_wait_is_for_the_node_that_stored_them(self, ends: Ends) -> None:
        here, there = ends
        here.bus.publish(RunsWaiting())
        here.bus.publish(RunSignal("run", "node_b"))
        assert here.heard[0] == RunsWaiting()
        if there is not here:
            assert await there.next() == [RunSignal("run", "node_b")]

    async def test_hints_of_one_node_come_in_order(self, ends: Ends) -> None:
        here, there = ends
        await there.follow("ann")
        for seq in range(1, 501):
            here.bus.publish(grew("ann", first=seq))

        heard = await there.next(500)

        assert [one.events[0].seq for one in heard if isinstance(one, JournalGrew)] == [
            *range(1, 501)
        ]

    async def test_both_nodes_hear_each_other(self, ends: Ends) -> None:
        here, there = ends
        for end in dict.fromkeys(ends):
            await end.follow("ann")
        here.bus.publish(grew("ann", first=1))
        there.bus.publish(grew("ann", first=2))

        for end in dict.fromkeys(ends):
            seqs = {one.events[0].seq for one in await end.next(2) if isinstance(one, JournalGrew)}
            assert seqs == {1, 2}

    async def test_a_user_followed_twice_is_heard_until_the_second_unfollow(
        self, ends: Ends
    ) -> None:
        here, there = ends
        await there.follow("ann")
        there.bus.follow("ann")
        there.bus.unfollow("ann")
        here.bus.publish(grew("ann"))

        assert [said(one) for one in await there.next()] == [said(grew("ann"))]

    async def test_hints_arrive_again_after_following_again(self, ends: Ends) -> None:
        here, there = ends
        await there.follow("ann")
        there.bus.unfollow("ann")
        there.missed.clear()
        await there.follow("ann")
        here.bus.publish(grew("ann"))

        assert [said(one) for one in await there.next()] == [said(grew("ann"))]

    async def test_an_unfollow_of_nobody_does_nothing(self, ends: Ends) -> None:
        here, there = ends
        there.bus.unfollow("ann")
        await there.follow("ann")
        here.bus.publish(grew("ann"))

        assert [said(one) for one in await there.next()] == [said(grew("ann"))]

    async def test_user_ids_of_every_kind_are_told_apart(self, ends: Ends) -> None:
        here, there = ends
        odd = [
            "a.b",
            "a.*",
            ">",
            "*",
            "a b",
            "\u00e9",
            "e\u0301",
            "\u0430",
            "a",
            "x" * 255,
            "日本",
            "a\tb",
        ]
        for user_id in odd:
            await there.follow(user_id)
            here.bus.publish(grew(user_id))
            assert [said(one) for one in await there.next()] == [said(grew(user_id))]

    async def test_growth_too_large_for_a_hint_tells_at_least_the_head(self, ends: Ends) -> None:
        here, there = ends
        await there.follow("ann")
        here.bus.publish(grew("ann", 20, data="x" * 100_000))

        (heard,) = await there.next()

        if isinstance(heard, JournalReached):
            assert heard == JournalReached("ann", 20)
        else:
            assert said(heard) == said(grew("ann", 20, data="x" * 100_000))

    async def test_a_stopped_listener_gets_nothing(self, ends: Ends) -> None:
        here, there = ends
        other = End(there.bus)
        other.stop()
        other.stop()
        here.bus.publish(RunSignal("run", "node_b"))

        assert await there.next() == [RunSignal("run", "node_b")]
        assert other.heard == []

    async def test_a_closed_bus_takes_hints_and_is_closed_again(self, ends: Ends) -> None:
        here, _ = ends
        await here.bus.close()
        here.bus.publish(grew("ann"))
        here.bus.follow("ann")
        here.bus.unfollow("ann")
        await here.bus.close()

        assert here.heard == []
