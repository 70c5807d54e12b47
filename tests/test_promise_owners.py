"""Owners of runs that are killed, or suspended and come back: their runs go on with one writer.

Real processes on one PostgreSQL. Every client writes down what it was told; the checker judges the
whole history, where a write under an old fence shows as an event after a later attempt began.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from cluster import cluster
from history_client import History, HistoryClient, at_rest, at_work
from postgres_server import NEWEST, PostgresServers
from threadcast.clock import SystemClock
from threadcast.store.postgres import PostgresStore
from threadcast.testing.history import Receive

LEASE_S = 1.5
RUNS = 30
AGENTS = "promise_agents:retried,promise_agents:failed,promise_agents:lasting"
SETTINGS = {"LEASE_S": str(LEASE_S), "HEAD_POLL_S": "0.2", "LOG_LEVEL": "error"}
ENDS = ("agent_completed", "agent_failed", "agent_cancelled")


def received(history: History, *types: str) -> list[Receive]:
    return [
        record
        for record in history.records
        if isinstance(record, Receive) and record.event_type in types
    ]


def streaming(history: History) -> int:
    """How many runs have streamed something."""
    return len({one.run_id for one in received(history, "agent_delta")})


async def judged(history: History, url: str, folder: Path, users: list[str]) -> None:
    await history.add_journals_of(PostgresStore(url, clock=SystemClock()), users)
    assert history.judge(folder / "history.jsonl") == []


async def test_the_runs_of_a_killed_node_move_on_within_the_lease_and_five_seconds(
    tmp_path: Path, postgres_servers: PostgresServers
) -> None:
    history = History()
    clients = [
        HistoryClient(history, user, user, in_flight_max=RUNS // 2, agent=agent, content="short")
        for user, agent in (("ann", "retried"), ("bob", "failed"))
    ]
    database = postgres_servers.of(NEWEST)
    async with cluster(
        tmp_path, database, nodes=1, agents=AGENTS, settings=SETTINGS
    ) as running:  # so that one node owns all
        owner = running.nodes[0]
        async with at_work(running.front, clients) as up:
            for client in clients:
                client.send_more(RUNS // 2)
            up.set()
            await history.until(lambda: streaming(history) == RUNS)
            await asyncio.gather(running.add(), running.add())
            await owner.kill()
            killed_at = asyncio.get_running_loop().time()
            await history.until(lambda: at_rest(clients), max_s=60)
            took_s = asyncio.get_running_loop().time() - killed_at
        url = running.database_url
    await judged(history, url, tmp_path, ["ann", "bob"])
    ends = Counter((one.user, one.event_type) for one in received(history, *ENDS))
    assert ends == {("ann", "agent_completed"): RUNS // 2, ("bob", "agent_failed"): RUNS // 2}
    assert took_s <= LEASE_S + 5.0


async def test_an_owner_that_stands_still_writes_nothing_under_its_old_fence(
    tmp_path: Path, postgres_servers: PostgresServers
) -> None:
    history = History()
    client = HistoryClient(history, "ann", "ann", in_flight_max=6, agent="lasting")
    database = postgres_servers.of(NEWEST)
    async with cluster(tmp_path, database, nodes=0, agents=AGENTS, settings=SETTINGS) as running:
        entrance = await running.add(ROLE="gateway")
        owner = await running.add(ROLE="worker")
        async with at_work(entrance, [client]) as up:
            client.send_more(6)
            up.set()
            await history.until(lambda: streaming(history) == 6)
            other = asyncio.create_task(running.add(ROLE="worker"))
            owner.pause()
            await asyncio.sleep(3 * LEASE_S)  # how long the fault is
            owner.resume()
            await other
            await history.until(lambda: at_rest([client]), max_s=60)
        url = running.database_url
    await judged(history, url, tmp_path, ["ann"])
    assert len(received(history, "agent_completed")) == 6
    attempts = {one.data["attempt"] for one in received(history, "agent_started")}
    assert attempts == {1, 2}


async def test_a_node_that_stood_still_goes_on_with_runs_that_nobody_took(
    tmp_path: Path, postgres_servers: PostgresServers
) -> None:
    history = History()
    client = HistoryClient(history, "ann", "ann", in_flight_max=6, agent="lasting")
    database = postgres_servers.of(NEWEST)
    async with cluster(tmp_path, database, nodes=1, agents=AGENTS, settings=SETTINGS) as running:
        (only,) = running.nodes
        async with at_work(only, [client]) as up:
            client.send_more(6)
            up.set()
            await history.until(lambda: streaming(history) == 6)
            only.pause()
            await asyncio.sleep(2 * LEASE_S)  # how long the fault is
            only.resume()
            await history.until(lambda: at_rest([client]), max_s=60)
        url = running.database_url
    await judged(history, url, tmp_path, ["ann"])
    assert {one.data["attempt"] for one in received(history, "agent_started")} == {1}
