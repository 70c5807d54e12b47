"""One trial: a world, a scenario's faults for a time, healing, rest, judgement."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from history_client import History
from postgres_server import PostgresServer
from proving.faults import Fault
from proving.scenarios import SCENARIOS, Lane
from proving.world import Bus, Sizes, World
from threadcast.testing.checker import Anomaly
from threadcast.testing.history import Ok, Receive, Stored

HISTORY = "history.jsonl"


@dataclass(frozen=True)
class Outcome:
    """What came of one trial.

    Attributes:
        scenario, seed: with which it is repeated.
        faults: how many were injected, by name.
        deliveries: events that readers received.
        sends: messages that were accepted.
        events: what the journals had in the end.
        take_overs: attempts of runs after the first.
        anomalies: none, if all promises held.
        lasted_s: in all, seconds.
        healed_s: from the end of the last fault until all was quiet, seconds.
        folder: where the history and the logs are.
    """

    scenario: str
    seed: int
    faults: dict[str, int]
    deliveries: int
    sends: int
    events: int
    take_overs: int
    anomalies: list[Anomaly]
    lasted_s: float
    healed_s: float
    folder: Path


async def trial(
    name: str, seed: int, folder: Path, sizes: Sizes, *, for_s: float, with_bus: bool = True
) -> Outcome:
    """Run a scenario of this name.

    Args:
        name: of `SCENARIOS`.
        seed: decides everything that chance decides.
        folder: for what is kept; must exist and be empty.
        sizes: of the world.
        for_s: how long faults are injected, seconds; one that has begun is finished.
        with_bus: whether there is a NATS.
    """
    started = time.monotonic()
    postgres = PostgresServer(settings={"max_connections": "100"})
    bus = Bus(seed) if with_bus else None
    try:
        await asyncio.to_thread(postgres.start)
        if bus is not None:
            await bus.open()
        scenario = SCENARIOS[name]
        dice = random.Random(f"{name} {seed}")
        world = World(folder, postgres, bus, dice, sizes, **scenario.settings)
        async with world.inhabited():
            async with asyncio.TaskGroup() as lanes:
                for lane in scenario.lanes:
                    lanes.create_task(_strike(world, lane, for_s))
            await world.come_to_rest()
        await world.add_what_was_stored()
    finally:
        postgres.close()
        if bus is not None:
            await bus.close()
    return _outcome(name, seed, world, folder, time.monotonic() - started)


async def _strike(world: World, lane: Lane, for_s: float) -> None:
    """Let one fault of the lane follow the other, with pauses in which work is done."""
    dice = world.own_dice()
    until = time.monotonic() + for_s
    while time.monotonic() < until:
        await world.some_work(dice)
        fault: Fault = dice.choice(lane)
        await fault(world)
        world.struck[fault.__name__] += 1


def _outcome(name: str, seed: int, world: World, folder: Path, lasted_s: float) -> Outcome:
    history: History = world.history
    anomalies = history.judge(folder / HISTORY)
    attempts = Counter(
        record.event_type == "agent_started" and record.data["attempt"] > 1
        for record in history.records
        if isinstance(record, Stored)
    )
    return Outcome(
        scenario=name,
        seed=seed,
        faults=dict(sorted(world.struck.items())),
        deliveries=history.count(Receive),
        sends=history.count(Ok),
        events=attempts.total(),
        take_overs=attempts[True],
        anomalies=anomalies,
        lasted_s=lasted_s,
        healed_s=world.healed_s,
        folder=folder,
    )
