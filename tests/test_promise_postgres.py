"""What is promised holds on PostgreSQL when a node, the database or both are killed under load.

Every client writes down what it asked, was told and saw; the checker judges the whole history
together with the journals as they are in the end.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from history_client import History, HistoryClient, at_rest, at_work
from postgres_server import PostgresServer
from server_process import QuickServer
from threadcast.clock import SystemClock
from threadcast.store.postgres import PostgresStore
from threadcast.testing.history import Ok

USERS = ("ann", "bob")
MESSAGES = 60
KILLS = 20
RESTARTS = 6
SETTINGS = {"LEASE_S": "1.0", "HEAD_POLL_S": "0.1", "ATTEMPTS_MAX": "100", "LOG_LEVEL": "error"}


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """A server of its own, to be killed."""
    server = PostgresServer()
    server.start()
    yield server
    server.close()


def all_clients(history: History) -> list[HistoryClient]:
    clients = []
    for user in USERS:
        clients += [
            HistoryClient(
                *(history, user, f"{user}-{number}"),
                messages=MESSAGES,
                in_flight_max=4,
                leaves_when_refused=True,
            )
            for number in range(2)
        ]
        clients.append(HistoryClient(history, user, f"{user}-reader"))
    return clients


async def work_for_a_while(
    clients: list[HistoryClient], history: History, dice: random.Random
) -> None:
    """Go on until the dice say that now is the moment."""
    enough = len(history.records) + dice.randrange(1, 400)
    await history.until(lambda: len(history.records) >= enough or at_rest(clients))


async def judged(history: History, url: str, folder: Path, seed: int) -> None:
    await history.add_journals_of(PostgresStore(url, clock=SystemClock()), list(USERS))
    assert history.judge(folder / "history.jsonl") == [], f"seed {seed}"


async def test_nothing_accepted_is_lost_when_nodes_are_killed(
    tmp_path: Path, postgres: PostgresServer, seed: int
) -> None:
    dice = random.Random(seed)
    history = History()
    clients = all_clients(history)
    url = await postgres.new_schema()
    server = QuickServer(tmp_path, agents="promise_agents:quick", database_url=url, **SETTINGS)
    async with at_work(server, clients) as up:
        await server.prepare()
        for _ in range(KILLS):
            await server.begin()
            await server.listening()
            up.set()
            await work_for_a_while(clients, history, dice)
            up.clear()
            await server.kill()
        await server.start()
        up.set()
        await history.until(lambda: at_rest(clients), max_s=60.0)
    await judged(history, url, tmp_path, seed)
    assert history.count(Ok) > KILLS, f"seed {seed}"


async def test_nothing_accepted_is_lost_when_the_database_is_killed(
    tmp_path: Path, postgres: PostgresServer, seed: int
) -> None:
    """The server lives on: it answers `unavailable` or `unknown`, and then goes on by itself."""
    dice = random.Random(seed)
    history = History()
    clients = all_clients(history)
    url = await postgres.new_schema()
    server = QuickServer(tmp_path, agents="promise_agents:quick", database_url=url, **SETTINGS)
    async with at_work(server, clients) as up:
        await server.prepare()
        await server.start()
        up.set()
        for _ in range(RESTARTS):
            await work_for_a_while(clients, history, dice)
            await asyncio.to_thread(postgres.stop, immediate=True)
            await asyncio.to_thread(postgres.start)
        await history.until(lambda: at_rest(clients), max_s=60.0)
    await judged(history, url, tmp_path, seed)
    assert history.count(Ok) > RESTARTS, f"seed {seed}"
