"""When a node claims and when it tells another one: what a message costs, whoever has room."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runner_world import World, running, world
from store_scene import context_of, message
from threadcast.agent import Agent, Run
from threadcast.bus import Hint, RunsWaiting
from threadcast.runner.claims import RunClaims
from threadcast.runs import CLAIM_USERS_MAX
from threadcast.store.units import ClaimedRun


async def _never_called(run: Run) -> None:
    raise AssertionError("nothing executes here")


AGENT = Agent("waits", _never_called)


class Claiming:
    """Claims of a node with so much room, what they start and whom they tell."""

    def __init__(self, here: World, room: int) -> None:
        self.here = here
        self.room = room
        self.executing = 0
        self.started: asyncio.Queue[ClaimedRun] = asyncio.Queue()
        self.told: list[Hint] = []
        self.claims = RunClaims(
            owner="node-1",
            agents=("waits",),
            journal=here.journal,
            metrics=here.metrics,
            lease_s=10.0,
            room=lambda: self.room - self.executing,
            start=self._start,
            publish=self.told.append,
        )

    def _start(self, run: ClaimedRun) -> None:
        self.executing += 1
        self.started.put_nowait(run)

    def made(self, outcome: str) -> float | None:
        """How many claims there were, with or without a run."""
        return self.here.metrics.registry.get_sample_value(
            "threadcast_claims_total", {"outcome": outcome}
        )


async def test_a_node_with_room_claims_and_tells_nobody(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=3)
        await here.send()
        node.claims.hear(RunsWaiting())
        assert await node.claims.lap() is False
        assert (node.executing, node.told) == (1, [])


async def test_a_lap_looks_behind_all_users_whose_runs_nobody_can_claim(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=3)
        for number in range(5 * CLAIM_USERS_MAX):
            agent = "waits" if number == 3 * CLAIM_USERS_MAX else "not here"
            await here.journal.append(message(context_of(f"user-{number}"), agent=agent))
        assert await node.claims.lap() is False
        assert (node.executing, node.made("nothing"), node.made("claimed")) == (1, 3, 1)
        assert await node.claims.lap() is False  # in vain, and it ends
        assert (node.executing, node.made("nothing")) == (1, 8)


async def test_a_hint_begins_another_lap(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=3)
        for number in range(2 * CLAIM_USERS_MAX):
            await here.journal.append(message(context_of(f"user-{number}"), agent="not here"))
        node.claims.hear(RunsWaiting())
        assert await node.claims.lap() is True


@pytest.mark.parametrize("room", [0, -3])  # there are more than a new setting allows
async def test_a_node_without_room_asks_nothing_and_tells_one_other(
    tmp_path: Path, room: int
) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=room)
        await here.send()
        for passed_on in range(6):
            node.claims.hear(RunsWaiting(passed_on))
        assert await node.claims.lap() is False
        assert node.told == [RunsWaiting(1), RunsWaiting(2), RunsWaiting(3)]
        assert (node.made("claimed"), node.made("nothing")) == (0, 0)


async def test_a_node_that_is_filled_tells_one_other_that_there_is_more(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=2)
        for number in range(3):
            await here.send(user_id=f"user-{number}")
        assert await node.claims.lap() is False
        assert (node.executing, node.told) == (2, [RunsWaiting(1)])


async def test_much_that_waits_is_claimed_in_parts_that_others_can_share(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=1_000)
        for _ in range(40):
            await here.send()
        assert await node.claims.lap() is True
        assert 1 <= node.executing < 40
        assert node.told == [RunsWaiting(1)]
        assert await node.claims.lap() is False
        assert node.executing == 40


async def test_room_is_used_at_once_where_some_were_left_waiting(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=1)
        for _ in range(2):
            await here.send()
        async with running(node.claims.run()):
            first = await asyncio.wait_for(node.started.get(), 10)
            node.executing -= 1
            node.claims.room_made()
            second = await asyncio.wait_for(node.started.get(), 10)
        assert first.lease.run_id != second.lease.run_id


async def test_a_node_that_stops_claims_no_more_and_tells_others(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=3)
        await node.claims.stop()
        await here.send()
        node.claims.hear(RunsWaiting())
        assert await node.claims.lap() is False
        assert (node.executing, node.told) == (0, [RunsWaiting(1)])
