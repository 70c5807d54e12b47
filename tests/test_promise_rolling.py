"""Rolling restarts under load: no client loses or duplicates an event."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path

from cluster import Cluster, cluster
from history_client import History, HistoryClient, at_rest, at_work
from nats_server import NatsServer
from postgres_server import NEWEST, PostgresServers
from threadcast.clock import SystemClock
from threadcast.store.postgres import PostgresStore
from threadcast.testing.history import Receive, Stored

AGENTS = "promise_agents:quick,promise_agents:retried"
USERS = ("ann", "bob", "cid")
LEASE_S = 60.0  # no lease lapses in this test: what moves on was handed over
SETTINGS = {"LEASE_S": str(LEASE_S), "DRAIN_S": "0", "LOG_LEVEL": "error"}


def clients_of(history: History, *, lasting: int) -> list[HistoryClient]:
    """For each user: one who begins runs that last until they are handed over, one who sends all
    the time, one who only reads.
    """
    clients = []
    for user in USERS:
        clients += [
            HistoryClient(
                *(history, user, f"{user}-lasting"),
                messages=lasting,
                in_flight_max=lasting,
                agent="retried",
                content="short",
            ),
            HistoryClient(
                *(history, user, f"{user}-sends"),
                messages=60,
                in_flight_max=1,
                leaves_when_refused=True,
            ),
            HistoryClient(history, user, f"{user}-reads"),
        ]
    return clients


async def judged(running: Cluster, history: History, folder: Path) -> None:
    """Compare what was delivered with what is stored."""
    store = PostgresStore(running.database_url, clock=SystemClock())
    await history.add_journals_of(store, list(USERS))
    assert history.judge(folder / "history.jsonl") == []


def begun(history: History) -> int:
    """How many runs of the agent that lasts have streamed something in their first attempt."""
    return len(
        {
            one.run_id
            for one in history.records
            if isinstance(one, Receive) and str(one.data.get("text")).startswith("1.0 ")
        }
    )


def attempts_of_lasting_runs(history: History) -> list[list[int]]:
    """The attempts of each of them, as the journals have them."""
    found: dict[str, list[int]] = defaultdict(list)
    for record in history.records:
        if not isinstance(record, Stored) or record.event_type != "agent_started":
            continue
        if record.data["agent"] == "retried":
            found[str(record.run_id)].append(record.data["attempt"])
    return list(found.values())


async def test_a_rolling_restart_under_load_is_invisible(
    tmp_path: Path, postgres_servers: PostgresServers, nats_server: NatsServer
) -> None:
    history = History()
    clients = clients_of(history, lasting=3)
    async with cluster(
        tmp_path,
        postgres_servers.of(NEWEST),
        nodes=1,
        bus=nats_server,
        agents=AGENTS,
        settings=SETTINGS,
    ) as running:
        await asyncio.gather(running.add(), running.add())  # nodes that join
        async with at_work(running.front, clients) as up:
            up.set()
            await history.until(lambda: begun(history) >= 3 * len(USERS))
            for node in list(running.nodes):
                assert await node.terminate() == 0
                await node.start()
            await history.until(lambda: at_rest(clients), max_s=60.0)
            assert all(client.connections > 1 for client in clients)
        await judged(running, history, tmp_path)
    assert attempts_of_lasting_runs(history) == [[1, 2]] * 3 * len(USERS)
