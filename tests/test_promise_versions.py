"""Programs of two neighbouring versions share a database while one takes the other's place.

The older one is today's; the newer one knows one step of the schema more. The older one makes the
database, goes on while that is brought to the newer schema, and is started once more on it. The
checker judges the whole history.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from history_client import History, HistoryClient, at_rest, at_work
from newer_server import NEXT_STEPS, STEPS
from postgres_server import NEWEST, PostgresServers
from server_process import ServerProcess
from threadcast.clock import SystemClock
from threadcast.errors import ConfigurationError
from threadcast.store.postgres import PostgresStore
from threadcast.store.schema_steps import SchemaStep, newer_problem, oldest_for
from threadcast.testing.history import Ok

USERS = ("ann", "bob")
MESSAGES = 40
SETTINGS = {"HEAD_POLL_S": "0.1", "LEASE_S": "2.0", "DRAIN_S": "0.5", "LOG_LEVEL": "error"}


class NewerServer(ServerProcess):
    """A server that knows one step of the schema more."""

    async def begin(self) -> None:
        """Start it without waiting."""
        program = str(Path(__file__).parent / "worlds" / "newer_server.py")
        self._process = await self._execute(program, *self._arguments())
        self.pid = self._process.pid


class Cluster:
    """Servers of which clients take any one that is there."""

    def __init__(self, seed: int, *nodes: ServerProcess) -> None:
        self._dice = random.Random(seed)
        self._nodes = nodes

    @property
    def port(self) -> int:
        """Of a server that runs."""
        return self._dice.choice([node.port for node in self._nodes if node.running] or [1])

    async def close(self) -> None:
        """End all of them."""
        for node in self._nodes:
            await node.close()


async def test_b6_nodes_of_two_versions_lose_and_double_nothing(
    tmp_path: Path, postgres_servers: PostgresServers, seed: int
) -> None:
    url = await postgres_servers.of(NEWEST).new_schema()
    settings = {"agents": "promise_agents:quick", "database_url": url, **SETTINGS}
    folders = [tmp_path / name for name in ("older", "newer")]
    for folder in folders:
        folder.mkdir()
    older, newer = ServerProcess(folders[0], **settings), NewerServer(folders[1], **settings)
    history = History()
    clients = [
        HistoryClient(
            *(history, user, f"{user}-{number}"),
            messages=MESSAGES,
            in_flight_max=2,
            leaves_when_refused=True,
            pause_s=0.02,
        )
        for user in USERS
        for number in range(2)
    ]

    async def some_work() -> None:
        enough = history.count(Ok) + 15
        await history.until(lambda: history.count(Ok) >= enough or at_rest(clients))

    async with at_work(Cluster(seed, older, newer), clients) as up:
        await older.start()
        up.set()
        await some_work()
        next_version = PostgresStore(url, clock=SystemClock(), steps=NEXT_STEPS)
        assert await next_version.migrate() == (len(STEPS), len(STEPS) + 1)
        await some_work()
        await newer.start()
        await some_work()
        assert await older.terminate() == 0
        await older.start()  # it is not exchanged yet, and its machine was restarted
        await some_work()
        assert await older.terminate() == 0
        await history.until(lambda: at_rest(clients), max_s=60.0)
    await history.add_journals_of(PostgresStore(url, clock=SystemClock()), list(USERS))
    assert history.judge(tmp_path / "history.jsonl") == [], f"seed {seed}"
    assert history.count(Ok) >= MESSAGES * len(clients)


async def test_a_step_that_breaks_older_programs_is_refused_by_them(
    postgres_servers: PostgresServers,
) -> None:
    url = await postgres_servers.of(NEWEST).new_schema()
    last = len(STEPS) + 1
    breaking = SchemaStep(last, f"{last:04}_narrower.sql", "-- works-with: 2\nSELECT 1")
    newer = PostgresStore(url, clock=SystemClock(), steps=[*STEPS, breaking])
    assert await newer.migrate() == (0, last)
    await (store := PostgresStore(url, clock=SystemClock())).open()
    assert (await store.facts())["schema"] == str(last)
    await store.close()
    oldest = PostgresStore(url, clock=SystemClock(), steps=STEPS[:1])
    line = f"database is version {last}, this program knows 1; it needs one that knows 2 or later"
    with pytest.raises(ConfigurationError, match=line):
        await oldest.open()


def test_what_a_step_says_of_older_programs() -> None:
    def step(version: int, sql: str) -> SchemaStep:
        return SchemaStep(version, f"{version:04}_x.sql", sql)

    steps = [step(1, ""), step(2, "-- works-with: 1\n"), step(3, ""), step(4, "-- works-with: 1\n")]
    assert [oldest_for(steps, version) for version in (1, 2, 3, 4)] == [1, 1, 3, 3]
    assert newer_problem(2, 1, steps[:1]) is None
    assert newer_problem(3, None, steps) is None
    assert "it needs one that knows 3" in (newer_problem(4, 3, steps[:2]) or "")
    assert newer_problem(9, None, steps) == "database is version 9, this program knows 4"


def test_every_step_of_postgresql_so_far_lets_the_version_before_work() -> None:
    """A step that does not is for a major version, and then this test says from which on."""
    assert oldest_for(STEPS, len(STEPS)) == 1
