"""One trial: a world, a scenario's faults for a time, healing, rest, judgement."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from history_client import History
from postgres_server import PostgresServer
from proving.faults import Fault
from proving.network import DATABASE, NETWORK, Network
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
    name: str,
    seed: int,
    folder: Path,
    sizes: Sizes,
    *,
    for_s: float,
    networks: bool = False,
    older: Path | None = None,
) -> Outcome:
    """Run a scenario of this name.

    Args:
        name: of `SCENARIOS`.
        seed: decides everything that chance decides.
        folder: for what is kept; must exist and be empty.
        sizes: of the world.
        for_s: how long faults are injected, seconds; one that has begun is finished.
        networks: whether nodes can have networks of their own; relays take their place else.
        older: the source of an older version, for scenarios with `of_versions`.
    """
    scenario = SCENARIOS[name]
    of_packets = networks and scenario.of_packets
    older = older if scenario.of_versions else None

    async def strike(world: World) -> None:
        if scenario.deaf:
            world.bus.proxy.loss = 1.0
        async with asyncio.TaskGroup() as lanes:
            for lane in scenario.lanes:
                lanes.create_task(_strike(world, lane, for_s))

    if not of_packets:
        return await _judged(name, seed, folder, sizes, strike, older=older)
    network = Network()
    try:
        return await _judged(name, seed, folder, sizes, strike, network=network, older=older)
    finally:
        network.close()


async def trial_of(faults: Sequence[Fault], seed: int, folder: Path, sizes: Sizes) -> Outcome:
    """Inject each of these faults once, one after the other; arguments are as for `trial`."""

    async def strike(world: World) -> None:
        for fault in world.dice.sample(faults, len(faults)):
            await _inject(world, fault, world.dice)

    return await _judged("each", seed, folder, sizes, strike)


async def _judged(
    name: str,
    seed: int,
    folder: Path,
    sizes: Sizes,
    strike: Callable[[World], Awaitable[None]],
    *,
    network: Network | None = None,
    older: Path | None = None,
) -> Outcome:
    started = time.monotonic()
    postgres, bus = _postgres(network), Bus(seed, networked=network is not None)
    try:
        await asyncio.to_thread(postgres.start)
        await bus.open()
        world = World(folder, postgres, bus, random.Random(f"{name} {seed}"), sizes, network, older)
        async with world.inhabited():
            await world.at_work()
            await strike(world)
            await world.come_to_rest()
        await world.add_what_was_stored()
    finally:
        await bus.close()
        postgres.close()
    return _outcome(name, seed, world, folder, time.monotonic() - started)


def _postgres(network: Network | None) -> PostgresServer:
    settings = {"max_connections": "100"}
    if network is None:
        return PostgresServer(settings=settings)
    settings["listen_addresses"] = f"127.0.0.1,{DATABASE}"
    return PostgresServer(settings=settings, network=NETWORK)


async def _strike(world: World, lane: Lane, for_s: float) -> None:
    """Let one fault of the lane follow the other, with pauses in which work is done."""
    dice = world.own_dice()
    until = time.monotonic() + for_s
    while time.monotonic() < until:
        await _inject(world, dice.choice(lane), dice)


async def _inject(world: World, fault: Fault, dice: random.Random) -> None:
    await world.some_work(dice)
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
