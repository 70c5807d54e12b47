"""A connection that opens after its caller timed out goes to the next caller."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from patience import WAIT_S
from postgres_scene import PostgresScene
from threadcast.errors import ThreadcastError
from threadcast.store.postgres.connecting import Connection
from threadcast.store.postgres.opening import Opening
from threadcast.store.postgres.readers import Reader
from threadcast.store.reader_pool import ReaderPool


class RawConnection:
    """As much of asyncpg's as is asked here."""

    terminated = False

    def terminate(self) -> None:
        """Take note."""
        self.terminated = True


class Database:
    """Opens a connection when a test says so, or fails to."""

    def __init__(self) -> None:
        self.begun: list[asyncio.Future[Connection]] = []
        self.ended = asyncio.Event()

    async def connect(self) -> Connection:
        """Wait for what becomes of it."""
        self.begun.append(asyncio.get_running_loop().create_future())
        try:
            return await self.begun[-1]
        finally:
            self.ended.set()


def connection() -> Connection:
    return Connection(RawConnection(), timeout_s=1.0)


async def test_the_next_caller_gets_a_connection_that_opened_late() -> None:
    database, made = Database(), connection()
    opening = Opening(database.connect, wait_s=0.01)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await opening.connection()
    (begun,) = database.begun
    begun.set_result(made)
    assert await opening.connection() is made


async def test_a_failure_that_nobody_waited_for_is_not_reported_later() -> None:
    database, made = Database(), connection()
    opening = Opening(database.connect, wait_s=0.01)
    with pytest.raises(TimeoutError):
        await opening.connection()
    database.begun[0].set_exception(ThreadcastError("unavailable"))
    with pytest.raises(TimeoutError):
        await opening.connection()
    database.begun[1].set_result(made)
    assert await opening.connection() is made


async def test_a_connection_that_nobody_took_is_closed() -> None:
    database, raw = Database(), RawConnection()
    opening = Opening(database.connect, wait_s=0.01)
    with pytest.raises(TimeoutError):
        await opening.connection()
    database.begun[0].set_result(Connection(raw, timeout_s=1.0))
    await database.ended.wait()
    opening.discard()
    await opening.close()
    assert raw.terminated


async def test_the_wait_for_a_reader_is_part_of_the_time_of_its_first_read() -> None:
    database = Database()
    pool = ReaderPool(
        lambda: Reader(database.connect, timeout_s=3_600.0, statement_share=0.8),
        count=1,
        wait_max_s=WAIT_S,
    )
    first = await pool.acquire()
    assert first.waited_s < 1.0
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0.1)
    pool.put_back(first)
    reader = await waiting
    assert reader.waited_s >= 0.1

    reader.waited_s = 3_599.9
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(ThreadcastError, match="unavailable"):
            await reader.read("BEGIN", "SELECT 1")
    assert reader.waited_s == 0.0
    pool.put_back(reader)
    await pool.close()


async def test_a_statement_timeout_of_the_database_keeps_the_connection(
    database: PostgresScene,
) -> None:
    node = await database.node(timeout_s=0.5, reader_count=1)
    await node.thread("ann")
    await node.journal("ann")
    before = await _connections(database)
    somebody = await asyncpg.connect(database.server.url(search_path=database.schema))
    try:
        async with somebody.transaction():
            await somebody.execute("LOCK TABLE events")
            for attempt in (node.journal("ann"), node.thread("ann")):
                with pytest.raises(ThreadcastError, match="unavailable: the database"):
                    await attempt
    finally:
        await somebody.close()
    assert [event.seq for event in await node.journal("ann")] == [1]
    await node.thread("ann")
    assert await _connections(database) == before
    assert node.store.losses == 0


async def _connections(database: PostgresScene) -> list[int]:
    rows = await database.run(
        "SELECT pid FROM pg_stat_activity WHERE application_name = $1 ORDER BY pid", "threadcast"
    )
    return [row[0] for row in rows]
