"""Two nodes on one database, with a bus that loses, duplicates and reorders hints.

P16: the bus is only a hint. Whatever becomes of messages, every reader on every node gets every
event once and in order.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from http_world import Stream, World, bearer, running
from nats_proxy import NatsProxy, unruly
from nats_server import NatsServer
from patience import WAIT_S
from postgres_server import NEWEST, PostgresServers

THREADS = 10
SETTINGS: dict[str, Any] = {"head_poll_s": 0.2, "lease_s": 5.0}
FAULTS: dict[str, dict[str, float]] = {
    "nothing is lost": {},
    "half is lost": {"loss": 0.5},
    "all is lost": {"loss": 1.0},
    "doubled and reordered": {"double": 0.3, "late": 0.4},
    "all at once": {"loss": 0.2, "double": 0.2, "late": 0.3},
}


@contextlib.asynccontextmanager
async def two_nodes(
    folder: Path, database_url: str, bus_url: str, **settings: Any
) -> AsyncIterator[tuple[World, World]]:
    chosen = {**SETTINGS, "database_url": database_url, "bus_url": bus_url, **settings}
    async with running(folder, **chosen) as first, running(folder, **chosen) as second:
        yield first, second


@pytest.fixture
async def database(postgres_servers: PostgresServers) -> str:
    return await postgres_servers.of(NEWEST).new_schema()


@pytest.fixture
async def proxy(nats_server: NatsServer, seed: int) -> AsyncIterator[NatsProxy]:
    async with unruly(nats_server.port, seed) as proxy:
        yield proxy


async def write(world: World, name: str) -> None:
    """Make threads of the user, one after the other."""
    for number in range(THREADS):
        await world.thread("u-1", title=f"{name} {number}")


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
async def test_every_reader_has_every_event_once_whatever_the_bus_does(
    tmp_path: Path,
    database: str,
    nats_server: NatsServer,
    proxy: NatsProxy,
    faults: dict[str, float],
) -> None:
    bus_url = nats_server.url(port=proxy.port)
    async with two_nodes(tmp_path, database, bus_url) as worlds:
        streams = [Stream(world.app, bearer("u-1")) for world in worlds for _ in range(2)]
        for stream in streams:
            await stream.until("caught_up")
        for name, share in faults.items():
            setattr(proxy, name, share)

        await asyncio.gather(
            *(write(world, name) for world, name in zip(worlds, "ab", strict=True))
        )
        await asyncio.sleep(0.2)  # what the other node reads for its own last event is read
        await worlds[0].thread("u-1", title="last")  # and of this one it has to hear
        count = 2 * THREADS + 1
        seen = [[await stream.until("thread_created") for _ in range(count)] for stream in streams]

        for one in seen:
            assert [event.data["seq"] for event in one] == list(range(1, count + 1))
        titles = [event.data["data"]["title"] for event in seen[0]]
        assert [title for title in titles if title[0] == "a"] == [f"a {n}" for n in range(THREADS)]
        assert proxy.messages > 0
        for stream in streams:
            await stream.leave()


async def test_a_hint_brings_the_event_long_before_the_head_poll(
    tmp_path: Path, database: str, nats_server: NatsServer
) -> None:
    async with two_nodes(
        tmp_path, database, nats_server.url(), head_poll_s=60.0, lease_s=600.0
    ) as (here, there):
        stream = Stream(there.app, bearer("u-1"))
        await stream.until("caught_up")
        heads = there.node.metrics.registry.get_sample_value

        for number in range(1, 6):
            await here.thread("u-1", title="x")
            assert (await stream.until("thread_created")).data["seq"] == number

        assert heads("threadcast_lags_total") == 0  # nothing had to be read
        assert (heads("threadcast_bus_received_total") or 0) >= 5
        await stream.leave()


async def test_what_is_too_large_for_the_bus_is_read_at_once(
    tmp_path: Path, database: str, nats_server: NatsServer
) -> None:
    settings = {"head_poll_s": 60.0, "lease_s": 600.0, "bus_message_max_bytes": 1_024}
    async with two_nodes(tmp_path, database, nats_server.url(), **settings) as (here, there):
        stream = Stream(there.app, bearer("u-1"))
        await stream.until("caught_up")
        thread_id = await here.thread("u-1")
        await here.message("u-1", thread_id, "x" * 5_000)

        event = await stream.until("message_created")

        assert event.data["data"]["content"] == "x" * 5_000
        await stream.leave()


async def test_what_was_missed_while_the_bus_was_away_is_read_when_it_is_back(
    tmp_path: Path, database: str, nats_server: NatsServer, proxy: NatsProxy
) -> None:
    bus_url = nats_server.url(port=proxy.port)
    settings = {"head_poll_s": 60.0, "lease_s": 600.0}
    async with two_nodes(tmp_path, database, bus_url, **settings) as (here, there):
        stream = Stream(there.app, bearer("u-1"))
        await stream.until("caught_up")
        await proxy.cut()
        for number in range(5):
            await here.thread("u-1", title=str(number))
        async with asyncio.timeout(WAIT_S), there.client() as client:
            while (ready := (await client.get("/readyz")).json())["status"] != "degraded":
                pass
        assert ready["checks"]["bus"].startswith("degraded: ")

        proxy.mend()
        seen = [await stream.until("thread_created") for _ in range(5)]

        assert [event.data["seq"] for event in seen] == [1, 2, 3, 4, 5]
        await stream.leave()


async def test_a_node_follows_who_is_connected_and_nobody_else(
    tmp_path: Path, database: str, nats_server: NatsServer
) -> None:
    async with two_nodes(tmp_path, database, nats_server.url()) as (here, there):
        count = there.node.metrics.registry.get_sample_value
        stream = Stream(there.app, bearer("u-1"))
        await stream.until("caught_up")
        await here.thread("u-1")
        await stream.until("thread_created")
        await stream.leave()
        heard = count("threadcast_bus_received_total")
        await here.thread("u-1")
        await here.thread("u-2")
        stream = Stream(there.app, bearer("u-1"))
        await stream.until("caught_up")
        await here.thread("u-1")
        await stream.until("thread_created")

        async with there.client() as client:
            ready = (await client.get("/readyz")).json()
        assert (ready["status"], ready["checks"]["bus"]) == ("ready", "ok")
        assert count("threadcast_bus_connected") == 1
        assert heard == 1
        assert count("threadcast_bus_received_total") == 2
        await stream.leave()
