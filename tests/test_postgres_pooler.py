"""D12: behind PgBouncer in transaction mode, without session state.

In continuous integration these tests must run. Without PgBouncer on a machine of one's own they
are left out, with a warning.
"""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import asyncpg
import pytest

from patience import DATABASE_WAIT_S
from pooler_server import SESSIONS, Pooler, pooler_program
from postgres_server import PostgresServer
from store_contract_runs import LeaseContract
from store_contract_writes import BatchContract, SendContract
from store_scene import NOW, Scene, context_of, delta
from threadcast.store.postgres import PostgresStore
from threadcast.store.postgres.connecting import Target, connect, connect_preparing
from threadcast.store.units import AppendToRun, Committed
from threadcast.testing.clock import ManualClock

IN_CI = os.environ.get("CI") == "true"
PROGRAM = pooler_program()
MISSING = "POOLER TESTS DID NOT RUN: no pgbouncer was found in PATH or /usr/sbin"

if PROGRAM is None and not IN_CI:
    with warnings.catch_warnings():
        warnings.simplefilter("always")  # a line in the summary, not an error
        warnings.warn(pytest.PytestWarning(MISSING), stacklevel=1)

pytestmark = pytest.mark.skipif(PROGRAM is None and not IN_CI, reason=MISSING)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """One of its own: the pooler keeps sessions of many schemas for a while."""
    server = PostgresServer(settings={"max_connections": "400"})
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def pooler(server: PostgresServer) -> Iterator[Pooler]:
    if PROGRAM is None:
        pytest.fail(MISSING)
    pooler = Pooler(PROGRAM, server)
    pooler.start()
    yield pooler
    pooler.close()


@pytest.fixture
async def url(server: PostgresServer) -> str:
    return await server.new_schema()


@pytest.fixture
async def store(pooler: Pooler, url: str) -> AsyncIterator[PostgresStore]:
    """Statements are prepared where the pooler knows of them."""
    store = PostgresStore(
        pooler.through(url),
        clock=ManualClock(NOW),
        prepare_statements=pooler.knows_prepared,
        timeout_s=DATABASE_WAIT_S,
    )
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def pass_time(server: PostgresServer, url: str) -> Callable[[float], Awaitable[None]]:
    schema = url.rpartition("=")[2]

    async def pass_time(seconds: float) -> None:
        await server.run(
            f"UPDATE {schema}.runs SET lease_until = lease_until - interval '{seconds} s'"
        )

    return pass_time


class TestContract(SendContract, LeaseContract, BatchContract):
    """What servers ask most, on sessions that change from one transaction to the next."""


@pytest.mark.parametrize("pooled", [True, False])
async def test_d12_each_connection_finds_out_whether_a_pooler_stands_between(
    pooler: Pooler, url: str, *, pooled: bool
) -> None:
    """A look that pools must survive: the statement may be asked for in another session."""
    target = Target.of(pooler.through(url) if pooled else url)
    connection = await connect(target, timeout_s=5.0, prepared_max=20)
    try:
        assert await connection.is_direct() is not pooled
    finally:
        connection.terminate()


@pytest.mark.parametrize("pooled", [True, False])
async def test_the_database_looks_for_nodes_that_vanish_unless_they_share_its_sessions(
    pooler: Pooler, url: str, *, pooled: bool
) -> None:
    target = Target.of(pooler.through(url) if pooled else url)
    connection = await connect_preparing(target, timeout_s=5.0, prepared_max=20)
    try:
        ((idle_s,),) = await connection.fetch("SHOW tcp_keepalives_idle")
        assert (idle_s == "10") is not pooled
    finally:
        connection.terminate()


async def test_d12_nodes_that_share_a_few_sessions(pooler: Pooler, url: str) -> None:
    """Three nodes with a writer and four readers each, on three sessions of the database."""
    stores = [
        PostgresStore(pooler.through(url), clock=ManualClock(NOW), timeout_s=DATABASE_WAIT_S)
        for _ in range(3)
    ]
    nodes = [Scene(store) for store in stores]
    for store in stores:
        await store.open()
    try:
        runs = [await node.running("ann", key=f"k{n}") for n, node in enumerate(nodes)]

        async def stream(number: int) -> None:
            for turn in range(30):
                unit = AppendToRun(runs[number].lease, [delta(f"{number}-{turn}")])
                assert isinstance((await nodes[number].outcomes(unit))[0], Committed)
                assert await nodes[number].journal("bob") == []

        await asyncio.gather(*map(stream, range(3)))
        events = await nodes[0].journal("ann")
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert sum(event.event_type == "agent_delta" for event in events) == 90
    finally:
        for store in stores:
            await store.close()


async def test_d12_nothing_is_left_in_a_session(
    pooler: Pooler, server: PostgresServer, url: str, store: PostgresStore
) -> None:
    """Who comes next sees nobody's rows, and waits for nothing."""
    node = Scene(store)
    for number in range(5):
        await node.send(context_of("ann"), key=f"k{number}", user_runs_max=10)
        assert await node.journal("bob") == []
    connection = await asyncpg.connect(pooler.through(url), statement_cache_size=0)
    try:
        for _ in range(2 * SESSIONS):
            async with connection.transaction():
                assert await connection.fetch("SELECT user_id FROM users") == []
                left = await connection.fetch(
                    "SELECT name FROM pg_settings WHERE source = $1", _SET
                )
                assert {row[0] for row in left} <= {"search_path", *_OF_THE_CLIENT}
    finally:
        await connection.close()


_SET = "session"
# What PgBouncer carries over from a client, and what a driver says of itself.
_OF_THE_CLIENT = ("application_name", "client_encoding", "DateStyle", "TimeZone", "jit")
