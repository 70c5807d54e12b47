"""The shared store: the contract on each major version, and what is its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from patience import DATABASE_WAIT_S
from postgres_scene import times_moved_back
from postgres_server import NEWEST, OLDEST, PostgresServer, PostgresServers
from store_contract import StoreContract
from store_scene import NOW
from threadcast.store.postgres import PostgresStore
from threadcast.testing.clock import ManualClock


@pytest.fixture(params=[NEWEST, OLDEST])
def server(request: pytest.FixtureRequest, postgres_servers: PostgresServers) -> PostgresServer:
    return postgres_servers.of(request.param)


@pytest.fixture
async def url(server: PostgresServer) -> str:
    return await server.cleared_schema()


@pytest.fixture
async def store(server: PostgresServer, url: str) -> AsyncIterator[PostgresStore]:
    """On one of the versions with prepared statements, on the other without."""
    prepared = server.major == NEWEST
    store = PostgresStore(
        url, clock=ManualClock(NOW), prepare_statements=prepared, timeout_s=DATABASE_WAIT_S
    )
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def pass_time(server: PostgresServer, url: str) -> Callable[[float], Awaitable[None]]:
    schema = url.rpartition("=")[2]

    async def pass_time(seconds: float) -> None:
        await server.run(times_moved_back(seconds, schema))

    return pass_time


class TestContract(StoreContract):
    """The shared store keeps the contract."""
