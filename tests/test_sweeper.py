"""Old rows go, in turns and in bounded steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eventually import until
from http_world import running
from runner_world import FaultyStore, World, world
from store_scene import completed, delta
from threadcast.agent import Run, agent
from threadcast.clock import SystemClock
from threadcast.context import UserExecutionContext
from threadcast.store.units import AppendToRun, Outcome, Sweep, Unit
from threadcast.testing.clock import ManualClock
from threadcast.upkeep.sweeper import Sweeper


@agent("streams")
async def streams(run: Run) -> None:
    """Emits deltas that can be compacted."""
    for number in range(20):
        await run.delta(f"{number} ")


def _sweeper(here: World, clock: ManualClock, *, retention_s: float | None = None) -> Sweeper:
    return Sweeper(here.journal, clock, compact_after_s=900.0, retention_s=retention_s)


class CountingStore(FaultyStore):
    """A real store that remembers which sweeps it was asked for."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.sweeps: list[str] = []

    async def commit(self, units: Sequence[Unit[Any]], *, now: float) -> list[Outcome]:
        """Commit."""
        self.sweeps += [unit.what for unit in units if isinstance(unit, Sweep)]
        return await super().commit(units, now=now)


async def _types(here: World, context: UserExecutionContext) -> list[str]:
    return [event.event_type.value for event in await here.stored(context)]


async def test_deltas_of_ended_runs_are_compacted_after_their_time(tmp_path: Path) -> None:
    async with world(tmp_path, streams) as here, here.running():
        context = await here.send()
        await here.watch.end_of(context.run_id)
        clock = ManualClock(now=here.clock.now())
        sweeper = _sweeper(here, clock)
        await sweeper.sweep()
        assert (await _types(here, context)).count("agent_delta") == 20
        clock.advance(901)
        await sweeper.sweep()
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
        await _sweeper(here, clock).sweep()
        async with here.sessions.open(context) as session:
            assert (await session.journal.head()).trimmed == 0
        await _sweeper(here, clock, retention_s=5_000).sweep()
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
        await _sweeper(here, clock).sweep()
        assert "agent_delta" not in await _types(here, context)
    assert store.sweeps[:3] == ["compact", "purge", "forget"]  # in turns
    assert store.sweeps.count("compact") == 14
    assert store.sweeps.count("purge") == 1


async def test_a_node_sweeps_from_its_start(tmp_path: Path) -> None:
    store = CountingStore(tmp_path / "journal.db", clock=SystemClock(), faults=())
    async with running(tmp_path, store=store, retention_s=86_400.0):
        await until(lambda: {*store.sweeps} >= {"compact", "trim", "purge", "forget"})
