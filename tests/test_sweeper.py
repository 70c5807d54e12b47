"""Maintenance: lost runs move on, old rows go, errors do not end the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from runner_world import FaultyStore, World, running, world
from store_scene import completed, delta
from threadcast.agent import Agent, Run, agent
from threadcast.context import UserExecutionContext
from threadcast.errors import ThreadcastError
from threadcast.store.records import RunFailure
from threadcast.store.units import AppendToRun, Outcome, RenewLeases, Sweep, Unit
from threadcast.testing.clock import ManualClock
from threadcast.upkeep.alias_uses import AliasUses
from threadcast.upkeep.sweeper import Sweeper


@agent("streams")
async def streams(run: Run) -> None:
    """Emits deltas that can be compacted."""
    for number in range(20):
        await run.delta(f"{number} ")


async def _never_called(run: Run) -> None:
    raise AssertionError("no runner executes here")


async def _nobody() -> None:
    """A node that executes nothing."""


def _sweeper(
    here: World,
    clock: ManualClock,
    *,
    retention_s: float | None = None,
    owners_first: Callable[[], Awaitable[None]] = _nobody,
) -> Sweeper:
    return Sweeper(
        here.journal,
        clock,
        here.metrics,
        AliasUses(here.journal, clock, here.metrics),
        owners_first=owners_first,
        on_failed=here.failures.append,
        attempts_max=2,
        compact_after_s=900.0,
        retention_s=retention_s,
    )


class AwayStore(FaultyStore):
    """A real store that can be away."""

    away = False

    async def commit(self, units: Sequence[Unit[Any]], *, now: float) -> list[Outcome]:
        """Commit, or say that it is away."""
        if self.away:
            raise ThreadcastError("unavailable")
        return await super().commit(units, now=now)


class CountingStore(FaultyStore):
    """A real store that remembers which sweeps it was asked for."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.sweeps: list[str] = []

    async def commit(self, units: Sequence[Unit[Any]], *, now: float) -> list[Outcome]:
        """Commit."""
        self.sweeps += [unit.what for unit in units if isinstance(unit, Sweep)]
        return await super().commit(units, now=now)


def _taken(here: World, outcome: str) -> float | None:
    return here.metrics.registry.get_sample_value(
        "threadcast_take_overs_total", {"outcome": outcome}
    )


async def _types(here: World, context: UserExecutionContext) -> list[str]:
    return [event.event_type.value for event in await here.stored(context)]


async def test_lapsed_runs_are_queued_again_and_then_ended(tmp_path: Path) -> None:
    clock = ManualClock()
    retried = Agent("retried", _never_called)
    async with world(tmp_path, retried, store_clock=clock) as here:
        sweeper = _sweeper(here, clock)
        context = await here.send()
        await here.claim_as("dead-1", lease_s=10)
        await sweeper.take_over()
        assert (await here.row(context)).status == "running"
        clock.advance(10)
        await sweeper.take_over()
        assert (await here.row(context)).status == "queued"
        await here.claim_as("dead-2", lease_s=10)
        clock.advance(10)
        await sweeper.take_over()
        end = await here.watch.end_of(context.run_id)
        assert (end[0], end[1]["code"]) == ("agent_failed", "node_lost")
        assert (_taken(here, "requeued"), _taken(here, "ended")) == (1, 1)
        failure = RunFailure(context.run_id, context.user_id, "retried", "node_lost")
        assert here.failures == [failure]


async def test_a_run_that_must_not_be_retried_ends_as_failed(tmp_path: Path) -> None:
    clock = ManualClock()
    once = Agent("once", _never_called, on_crash="fail")
    async with world(tmp_path, once, store_clock=clock) as here:
        context = await here.send()
        await here.claim_as("dead", lease_s=10)
        clock.advance(10)
        await _sweeper(here, clock).take_over()
        assert (await here.watch.end_of(context.run_id))[1]["code"] == "node_lost"


async def test_deltas_of_ended_runs_are_compacted_after_their_time(tmp_path: Path) -> None:
    async with world(tmp_path, streams) as here, here.running():
        context = await here.send()
        await here.watch.end_of(context.run_id)
        clock = ManualClock(now=here.clock.now())
        sweeper = _sweeper(here, clock)
        await sweeper.clean()
        assert (await _types(here, context)).count("agent_delta") == 20
        clock.advance(901)
        await sweeper.clean()
        assert await _types(here, context) == [
            "thread_created",
            "message_created",
            "agent_started",
            "agent_completed",
        ]


async def test_events_are_trimmed_only_with_a_retention(tmp_path: Path) -> None:
    async with world(tmp_path, streams) as here, here.running():
        context = await here.send()
        await here.watch.end_of(context.run_id)
        clock = ManualClock(now=here.clock.now() + 10_000)
        await _sweeper(here, clock).clean()
        async with here.sessions.open(context) as session:
            assert (await session.journal.head()).trimmed == 0
        await _sweeper(here, clock, retention_s=5_000).clean()
        async with here.sessions.open(context) as session:
            assert (await session.journal.head()).trimmed > 0


async def test_cleaning_goes_on_until_nothing_is_left(tmp_path: Path) -> None:
    store = CountingStore(tmp_path / "journal.db", clock=ManualClock(), faults=())
    async with world(tmp_path, streams, store=store) as here:
        context = await here.send()
        claimed = await here.claim_as("node", lease_s=1_000)
        for _ in range(13):
            await here.journal.append(AppendToRun(claimed.lease, [delta("x")] * 1_000))
        await here.journal.append(AppendToRun(claimed.lease, [completed()]))
        clock = ManualClock(now=here.clock.now() + 901)
        await _sweeper(here, clock).clean()
        assert "agent_delta" not in await _types(here, context)
    assert store.sweeps[:3] == ["compact", "purge", "forget"]  # in turns
    assert store.sweeps.count("compact") == 14
    assert store.sweeps.count("purge") == 1


async def test_an_error_is_logged_and_the_loop_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path, streams) as here:
        sweeper = _sweeper(here, ManualClock())
    await sweeper.take_over()  # the journal has stopped: every unit is refused
    assert any("could not take over runs" in one.getMessage() for one in caplog.records)
    async with running(sweeper.run()) as task:
        for _ in range(10):
            await asyncio.sleep(0)
        assert not task.done()


async def test_living_owners_renew_before_others_take_over_when_the_store_is_back(
    tmp_path: Path,
) -> None:
    clock, retried = ManualClock(), Agent("retried", _never_called)
    store = AwayStore(tmp_path / "journal.db", clock=clock, faults=())
    async with world(tmp_path, retried, store=store) as here:
        sweeper = _sweeper(here, clock)
        await here.send()
        claimed = await here.claim_as("living", lease_s=10)
        store.away = True
        await sweeper.take_over()
        clock.advance(30)
        store.away = False
        await sweeper.take_over()
        await here.journal.append(RenewLeases(10, [claimed.lease]))
        clock.advance(3)
        await sweeper.take_over()
        assert _taken(here, "requeued") == 0
        clock.advance(10)
        await sweeper.take_over()
        assert _taken(here, "requeued") == 1


async def test_this_node_renews_before_it_takes_over(tmp_path: Path) -> None:
    clock, retried = ManualClock(), Agent("retried", _never_called)
    async with world(tmp_path, retried, store_clock=clock) as here:
        await here.send()
        claimed = await here.claim_as("living", lease_s=10)

        async def renew() -> None:
            await here.journal.append(RenewLeases(10, [claimed.lease]))

        sweeper = _sweeper(here, clock, owners_first=renew)
        clock.advance(11)
        await sweeper.take_over()
        assert _taken(here, "requeued") == 0
