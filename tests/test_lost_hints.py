"""A hint is never the truth: losing, doubling or reordering hints costs latency, never an event."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from http_world import AGENTS, LIMITLESS, SECRET, Stream, World, bearer
from threadcast.bus import Hint, LocalBus
from threadcast.node import Node
from threadcast.settings import Settings

THREADS = 30


class DeafBus(LocalBus):
    """Loses every hint."""

    def publish(self, *hints: Hint) -> None:
        """Lose them."""


class UnrulyBus(LocalBus):
    """Loses, doubles, delays and reorders hints, by a seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._late: list[Hint] = []

    def publish(self, *hints: Hint) -> None:
        """Do something with each of them."""
        for hint in hints:
            self._late += [hint] * self._random.choice((0, 1, 1, 2))
            self._random.shuffle(self._late)
            while self._late and self._random.random() < 0.6:
                super().publish(self._late.pop())


@contextlib.asynccontextmanager
async def running(folder: Path, bus: LocalBus) -> AsyncIterator[World]:
    """A node on this bus that compares heads often."""
    settings = Settings(
        database_url=f"sqlite:///{folder / 'events.db'}",
        jwt_secret=SECRET,
        head_poll_s=0.02,
        drain_s=0.0,
        **LIMITLESS,
    )
    node = Node(settings, AGENTS, listens_on="127.0.0.1", bus=bus)
    await node.start()
    try:
        yield World(node)
    finally:
        await node.stop()


BUSES: dict[str, Callable[[], LocalBus]] = {
    "all lost": DeafBus,
    "unruly, 1": lambda: UnrulyBus(1),
    "unruly, 2": lambda: UnrulyBus(2),
}


@pytest.mark.parametrize("make", BUSES.values(), ids=BUSES)
async def test_every_event_comes_once_and_in_order_whatever_becomes_of_hints(
    tmp_path: Path, make: Callable[[], LocalBus]
) -> None:
    async with running(tmp_path, make()) as world:
        stream = Stream(world.app, bearer("u-1"))
        await stream.until("caught_up")

        for number in range(THREADS):
            await world.thread("u-1", title=str(number))
        seen = [await stream.until("thread_created") for _ in range(THREADS)]

        assert [event.data["seq"] for event in seen] == list(range(1, THREADS + 1))
        assert [event.data["data"]["title"] for event in seen] == list(map(str, range(THREADS)))
        await stream.leave()


async def test_a_run_starts_asks_is_answered_and_ends_without_any_hint(tmp_path: Path) -> None:
    async with running(tmp_path, DeafBus()) as world, world.client("u-1") as client:
        stream = Stream(world.app, bearer("u-1"))
        thread_id = await world.thread("u-1")
        sent = await world.message("u-1", thread_id, "hello", agent="ask")
        question = (await stream.until("input_requested")).data

        answer = {"input_id": question["data"]["input_id"], "value": "this one"}
        taken = await client.post(f"/v1/runs/{sent['run_id']}/respond", json=answer)
        assert taken.status_code == 200, taken.text

        completed = (await stream.until("agent_completed")).data
        assert completed["data"]["content"] == "got this one"
        await stream.leave()
