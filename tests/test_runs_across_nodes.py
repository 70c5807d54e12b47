"""Runs that nodes share: turns and bounds hold for all of them, and asks reach the owner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Container
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from http_world import World, running
from nats_server import NatsServer
from postgres_scene import PostgresScene
from store_scene import LEASE_S, completed, context_of, started
from threadcast.agent import Agent, Run
from threadcast.store.postgres.across_users import CLAIM, TURNS
from threadcast.store.postgres.keys import user_key
from threadcast.store.units import AppendToRun

ASKS = 3  # of each kind
SELDOM_S = 60.0
QUEUED = 100_000
_FILL = """
INSERT INTO runs (user_key, run, thread, status, run_id, agent, on_crash, on_disconnect,
message_seq, created_us)
SELECT $1::uuid, n, n, 1, 'run_' || n, 'demo', 'retry', 'continue', 2, 0
FROM generate_series(2, $2::int) AS n
"""
_ROWS_READ = """
SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_all_tables WHERE relid = 'runs'::regclass
"""


# --- turns and bounds -----------------------------------------------------------------------------


async def test_nodes_together_keep_to_the_bound_of_a_user(database: PostgresScene) -> None:
    nodes = [await database.node() for _ in range(4)]
    for number in range(24):
        await nodes[0].send(
            context_of("ann"), key=f"k{number}", user_runs_max=100, user_executing_max=3
        )
    done = 0
    held: dict[str, list[Any]] = {}
    while done < 24:
        claims = [node.claim(3, owner=f"node-{n}") for n, node in enumerate(nodes)]
        for claimed in chain.from_iterable(await asyncio.gather(*claims)):
            held[claimed.lease.run_id] = [claimed.lease]
        assert 1 <= len(held) <= 3
        _, (lease,) = held.popitem()
        await nodes[done % 4].committed(AppendToRun(lease, [started(), completed()]))
        done += 1


async def test_what_one_user_has_queued_costs_the_others_nothing(database: PostgresScene) -> None:
    node = await database.node()
    await node.send(context_of("ann"))
    await node.send(context_of("bob"))
    await database.run(_FILL, user_key("ann"), QUEUED)
    await database.run("ANALYZE runs")
    (first, second) = await node.claim(2)
    assert {run.lease.address.user_id for run in (first, second)} == {"ann", "bob"}
    await node.send(context_of("cid"))
    (light,) = await node.claim(1)
    assert light.lease.address.user_id == "cid"
    rows_read = await _rows_read(database)
    assert rows_read < QUEUED / 100, f"{rows_read} of {QUEUED} rows were read for a claim"


async def _rows_read(database: PostgresScene) -> int:
    """How many rows of runs one claim reads, for what it claims and for all that it leaves."""
    connection = await asyncpg.connect(database.server.url(search_path=database.schema))
    try:
        async with connection.transaction():
            users = await connection.fetchval(TURNS, ["demo"], 1, "0" * 32, [])
            await connection.fetch(CLAIM, ["demo"], 1, users, "node-2", LEASE_S, 0)
            return int(await connection.fetchval(_ROWS_READ))
    finally:
        await connection.close()


# --- what is asked of an owner on another node ----------------------------------------------------


class Executed:
    """What the agents of a test tell of themselves: runs that began, and how each was stopped."""

    def __init__(self) -> None:
        self.begun: set[str] = set()
        self.over: dict[str, float] = {}
        self._changed = asyncio.Event()

    async def idle(self, run: Run) -> None:
        """An agent that only ends when it is stopped."""
        await self._while_it_lasts(run, asyncio.Event().wait())

    async def ask(self, run: Run) -> None:
        """An agent that waits for a person."""
        await self._while_it_lasts(run, run.ask("Sure?"))

    async def until_begun(self, run_id: str) -> None:
        """Wait until a run executes."""
        await self._until(self.begun, run_id)

    async def until_over(self, run_id: str) -> float:
        """Wait until a run is stopped or answered; the loop's time then."""
        await self._until(self.over, run_id)
        return self.over[run_id]

    async def _while_it_lasts(self, run: Run, wait: Awaitable[object]) -> None:
        run_id = run.context.run_id
        self.begun.add(run_id)
        self._changed.set()
        try:
            await wait
        finally:
            self.over[run_id] = asyncio.get_running_loop().time()
            self._changed.set()

    async def _until(self, runs: Container[str], run_id: str) -> None:
        async with asyncio.timeout(20):
            while run_id not in runs:
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def two_nodes(
    tmp_path: Path,
    database: PostgresScene,
    executed: Executed,
    bus_url: str | None,
    **settings: Any,
) -> AsyncIterator[World]:
    """A gateway, which is given, and a worker, whose leases are not renewed during the test."""
    agents = (Agent("idle", executed.idle), Agent("ask", executed.ask))
    shared: dict[str, Any] = {"database_url": database.url, "bus_url": bus_url, "lease_s": 3_000.0}
    shared |= settings
    async with (
        running(tmp_path, agents=agents, role="gateway", **shared) as gateway,
        running(tmp_path, agents=agents, role="worker", **shared),
    ):
        yield gateway


async def _seconds_until_it_is_known(world: World, executed: Executed, how: str) -> float:
    thread_id = await world.thread("ann")
    agent = "ask" if how == "respond" else "idle"
    run_id = (await world.message("ann", thread_id, "go on", agent=agent))["run_id"]
    await executed.until_begun(run_id)
    async with world.client("ann") as client:
        if how == "respond":
            input_id = await _asked(client, run_id)
        asked_at = asyncio.get_running_loop().time()
        if how == "cancel":
            answer = await client.post(f"/v1/runs/{run_id}/cancel")
        elif how == "respond":
            body = {"input_id": input_id, "value": True}
            answer = await client.post(f"/v1/runs/{run_id}/respond", json=body)
        else:
            body = {"content": "x", "client_message_id": run_id, "on_busy": "interrupt"}
            answer = await client.post(f"/v1/threads/{thread_id}/messages", json=body)
        assert answer.is_success, answer.text
    return await executed.until_over(run_id) - asked_at


async def _asked(client: httpx2.AsyncClient, run_id: str) -> str:
    """The id of the run's question, once it is stored."""
    while not (inputs := (await client.get(f"/v1/runs/{run_id}")).json()["inputs"]):
        pass
    return str(inputs[0]["input_id"])


@pytest.mark.parametrize("how", ["cancel", "respond", "interrupt"])
async def test_without_a_bus_the_owner_knows_within_two_seconds(
    tmp_path: Path, database: PostgresScene, how: str
) -> None:
    executed = Executed()
    async with two_nodes(tmp_path, database, executed, None) as gateway:
        assert await _seconds_until_it_is_known(gateway, executed, how) < 2.0


@pytest.mark.parametrize("how", ["cancel", "respond", "interrupt"])
async def test_by_the_bus_the_owner_knows_at_once(
    tmp_path: Path, database: PostgresScene, nats_server: NatsServer, how: str
) -> None:
    executed = Executed()
    seldom = {"head_poll_s": SELDOM_S}  # without the bus, it would take half of that
    async with two_nodes(tmp_path, database, executed, nats_server.url(), **seldom) as gateway:
        for _ in range(ASKS):
            assert await _seconds_until_it_is_known(gateway, executed, how) < SELDOM_S / 10
