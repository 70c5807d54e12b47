"""Lost runs move on, once their owners had a chance to renew; errors do not end the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from runner_world import FaultyStore, World, running, world
from threadcast.agent import Agent, Run
from threadcast.errors import ThreadcastError
from threadcast.store.records import RunFailure
from threadcast.store.units import Outcome, RenewLeases, Unit
from threadcast.testing.clock import ManualClock
from threadcast.upkeep.take_overs import TakeOvers


async def _never_called(run: Run) -> None:
    raise AssertionError("no runner executes here")


async def _nobody() -> None:
    """A node that executes nothing."""


def _take_overs(
    here: World, clock: ManualClock, *, owners_first: Callable[[], Awaitable[None]] = _nobody
) -> TakeOvers:
    return TakeOvers(
        here.journal,
        clock,
        here.metrics,
        owners_first=owners_first,
        on_failed=here.failures.append,
        attempts_max=2,
    )


class AwayStore(FaultyStore):
    """A real store that can be away."""

    away = False

    async def commit(self, units: Sequence[Unit[Any]], *, now: float) -> list[Outcome]:
        """Commit, or say that it is away."""
        if self.away:
            raise ThreadcastError("unavailable")
        return await super().commit(units, now=now)


def _taken(here: World, outcome: str) -> float | None:
    return here.metrics.registry.get_sample_value(
        "threadcast_take_overs_total", {"outcome": outcome}
    )


async def test_lapsed_runs_are_queued_again_and_then_ended(tmp_path: Path) -> None:
    clock = ManualClock()
    retried = Agent("retried", _never_called)
    async with world(tmp_path, retried, store_clock=clock) as here:
        take_overs = _take_overs(here, clock)
        context = await here.send()
        await here.claim_as("dead-1", lease_s=10)
        await take_overs.take_over()
        assert (await here.row(context)).status == "running"
        clock.advance(10)
        await take_overs.take_over()
        assert (await here.row(context)).status == "queued"
        await here.claim_as("dead-2", lease_s=10)
        clock.advance(10)
        await take_overs.take_over()
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
        await _take_overs(here, clock).take_over()
        assert (await here.watch.end_of(context.run_id))[1]["code"] == "node_lost"


async def test_an_error_is_logged_and_the_loop_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path, Agent("retried", _never_called)) as here:
        take_overs = _take_overs(here, ManualClock())
    await take_overs.take_over()  # the journal has stopped: every unit is refused
    assert any("could not take over runs" in one.getMessage() for one in caplog.records)
    async with running(take_overs.run()) as task:
        for _ in range(10):
            await asyncio.sleep(0)
        assert not task.done()


async def test_living_owners_renew_before_others_take_over_when_the_store_is_back(
    tmp_path: Path,
) -> None:
    clock, retried = ManualClock(), Agent("retried", _never_called)
    store = AwayStore(tmp_path / "journal.db", clock=clock, faults=())
    async with world(tmp_path, retried, store=store) as here:
        take_overs = _take_overs(here, clock)
        await here.send()
        claimed = await here.claim_as("living", lease_s=10)
        store.away = True
        await take_overs.take_over()
        clock.advance(30)
        store.away = False
        await take_overs.take_over()
        await here.journal.append(RenewLeases(10, [claimed.lease]))
        clock.advance(3)
        await take_overs.take_over()
        assert _taken(here, "requeued") == 0
        clock.advance(10)
        await take_overs.take_over()
        assert _taken(here, "requeued") == 1


async def test_this_node_renews_before_it_takes_over(tmp_path: Path) -> None:
    clock, retried = ManualClock(), Agent("retried", _never_called)
    async with world(tmp_path, retried, store_clock=clock) as here:
        await here.send()
        claimed = await here.claim_as("living", lease_s=10)

        async def renew() -> None:
            await here.journal.append(RenewLeases(10, [claimed.lease]))

        take_overs = _take_overs(here, clock, owners_first=renew)
        clock.advance(11)
        await take_overs.take_over()
        assert _taken(here, "requeued") == 0
