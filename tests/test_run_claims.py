"""When a node claims and when it tells another one: what a message costs, whoever has room."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from patience import WAIT_S
from runner_world import World, running, world
from store_scene import context_of, message
from threadcast.agent import Agent, Run
from threadcast.bus import Hint, RunsWaiting
from threadcast.delivery.journal import Journal
from threadcast.errors import ThreadcastError
from threadcast.runner.claims import RunClaims
from threadcast.runs import CLAIM_USERS_MAX
from threadcast.store.units import ClaimedRun, ClaimRuns, Unit


async def _never_called(run: Run) -> None:
    raise AssertionError("nothing executes here")


AGENT = Agent("waits", _never_called)
SELDOM_S = 0.5  # a longer pause is a rest after a lap


class Claiming:
    """Claims of a node with so much room, what they start and whom they tell."""

    def __init__(self, here: World, room: int, journal: Journal | None = None) -> None:
        self.here = here
        self.room = room
        self.executing = 0
        self.started: asyncio.Queue[ClaimedRun] = asyncio.Queue()
        self.told: list[Hint] = []
        self.claims = RunClaims(
            owner="node-1",
            agents=("waits",),
            journal=journal or here.journal,
            metrics=here.metrics,
            lease_s=10.0,
            room=lambda: self.room - self.executing,
            start=self._start,
            publish=self.told.append,
        )

    def _start(self, run: ClaimedRun) -> None:
        self.executing += 1
        self.started.put_nowait(run)

    def hear(self, hint: Hint) -> None:
        """What a runner does with hints."""
        if isinstance(hint, RunsWaiting):
            self.claims.hear(hint)

    def made(self, outcome: str) -> float | None:
        """How many claims there were, with or without a run."""
        return self.here.metrics.registry.get_sample_value(
            "threadcast_claims_total", {"outcome": outcome}
        )


class FailingJournal(Journal):
    """A journal whose store does not answer the first claim."""

    fails = True

    async def append(self, unit: Unit[Any]) -> Any:
        """Fail once."""
        if self.fails:
            self.fails = False
            raise ThreadcastError("unavailable")
        return await super().append(unit)


class RecordingJournal(Journal):
    """A journal that keeps the claims that it was given."""

    def __init__(self, *parts: Any, **bounds: Any) -> None:
        super().__init__(*parts, **bounds)
        self.claims: list[ClaimRuns] = []

    async def append(self, unit: Unit[Any]) -> Any:
        """Keep a claim, and append."""
        if isinstance(unit, ClaimRuns):
            self.claims.append(unit)
        return await super().append(unit)


async def blocked(here: World, count: int) -> None:
    """Users with a run that no node here can execute, in as few commits as the journal makes."""
    sends = (message(context_of(f"user-{number}"), agent="not here") for number in range(count))
    await asyncio.gather(*(here.journal.append(send) for send in sends))


async def test_a_node_with_room_claims_and_tells_nobody(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=3)
        await here.send()
        node.claims.hear(RunsWaiting())
        assert await node.claims.once() > SELDOM_S
        assert (node.executing, node.told) == (1, [])


async def test_a_lap_looks_behind_all_users_whose_runs_nobody_can_claim(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=3)
        await blocked(here, 5 * CLAIM_USERS_MAX)
        await here.send()
        pauses = [await node.claims.once() for _ in range(6)]
        assert (node.executing, node.made("nothing"), node.made("claimed")) == (1, 5, 1)
        assert all(0 < pause_s < SELDOM_S for pause_s in pauses[:-1])
        assert pauses[-1] > SELDOM_S  # it came round


async def test_a_run_behind_a_thousand_users_begins_soon(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=3)
        await blocked(here, 1_000)
        await here.send()
        async with running(node.claims.run()), asyncio.timeout(WAIT_S):
            await node.started.get()
        assert node.made("nothing") == 1_000 // CLAIM_USERS_MAX


async def test_whom_a_hint_names_is_served_before_any_lap(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=3)
        await blocked(here, 3 * CLAIM_USERS_MAX)
        for user_id in ("ann", "bob"):
            await here.send(user_id=user_id)
            node.claims.hear(RunsWaiting(user_ids=(user_id,)))
            await node.claims.once()
        assert (node.made("nothing"), node.made("claimed")) == (0, 2)


async def test_a_hint_interrupts_a_rest(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=3)
        await blocked(here, 3 * CLAIM_USERS_MAX)
        await here.send(user_id="ann")
        stop_listening = here.bus.listen(node.hear)
        async with running(node.claims.run()), asyncio.timeout(WAIT_S):
            await node.started.get()  # by the last claim of a lap
            await here.send(user_id="bob")
            await node.started.get()
            assert (node.made("nothing"), node.made("claimed")) == (3, 2)
        stop_listening()


async def test_a_hint_amid_a_rest_has_nobody_else_looked_at(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        journal = RecordingJournal(
            *(here.store, here.bus, here.clock, here.metrics),
            batch_max_events=100,
            queue_max_units=100,
        )
        node = Claiming(here, room=3, journal=journal)
        await blocked(here, 3)
        async with running(journal.run()):
            assert await node.claims.once() > SELDOM_S  # a lap, and its rest
            await here.send(user_id="ann")
            node.claims.hear(RunsWaiting(user_ids=("ann",)))
            assert await node.claims.once() > SELDOM_S
        assert node.executing == 1
        assert [(unit.after, tuple(unit.users)) for unit in journal.claims] == [
            (0, ()),
            (None, ("ann",)),
        ]


async def test_who_was_named_is_remembered_when_the_store_fails(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        journal = FailingJournal(
            *(here.store, here.bus, here.clock, here.metrics),
            batch_max_events=100,
            queue_max_units=100,
        )
        node = Claiming(here, room=3, journal=journal)
        await blocked(here, 3 * CLAIM_USERS_MAX)
        await here.send()
        node.claims.hear(RunsWaiting(user_ids=("ann",)))
        async with running(journal.run()):
            with pytest.raises(ThreadcastError):
                await node.claims.once()
            await node.claims.once()
        assert node.executing == 1


async def test_who_was_named_and_found_no_room_is_named_again(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=1)
        await blocked(here, 3 * CLAIM_USERS_MAX)
        for user_id in ("ann", "bob"):
            await here.send(user_id=user_id)
        node.claims.hear(RunsWaiting(user_ids=("ann", "bob")))
        await node.claims.once()
        assert (node.executing, node.told) == (1, [RunsWaiting(1, ("bob",))])
        node.executing -= 1
        await node.claims.once()
        assert node.made("claimed") == 2


@pytest.mark.parametrize("room", [0, -3])  # there are more than a new setting allows
async def test_a_node_without_room_asks_nothing_and_tells_one_other(
    tmp_path: Path, room: int
) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=room)
        await here.send()
        for passed_on in range(6):
            node.claims.hear(RunsWaiting(passed_on, ("ann",)))
        assert await node.claims.once() > SELDOM_S
        assert node.told == [RunsWaiting(number, ("ann",)) for number in (1, 2, 3)]
        assert (node.made("claimed"), node.made("nothing")) == (0, 0)


async def test_a_node_that_is_filled_tells_one_other_that_there_is_more(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=2)
        for number in range(3):
            await here.send(user_id=f"user-{number}")
        assert await node.claims.once() > SELDOM_S
        assert (node.executing, node.told) == (2, [RunsWaiting(1)])


async def test_much_that_waits_is_claimed_in_parts_that_others_can_share(tmp_path: Path) -> None:
    async with world(tmp_path, AGENT) as here:
        node = Claiming(here, room=1_000)
        for _ in range(40):
            await here.send()
        assert await node.claims.once() == 0
        assert 1 <= node.executing < 40
        assert node.told == [RunsWaiting(1)]
        assert await node.claims.once() > SELDOM_S
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
        assert await node.claims.once() > SELDOM_S
        assert (node.executing, node.told) == (0, [RunsWaiting(1)])
