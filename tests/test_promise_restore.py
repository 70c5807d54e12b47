"""P22: a backup is made under load, put in the place of the database, and clients come back.

It is done as the guide says, with the commands of the guide. What is restored is the beginning of
each journal, under another feed, and every cursor of before is reset.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from patience import WAIT_S
from postgres_server import NEWEST, PASSWORD, PostgresServer, PostgresServers, programs_of
from program import COMMAND, environment
from server_process import ServerProcess, serving, token
from store_scene import context_of
from threadcast.client import Cursor, Reset, connect
from threadcast.clock import SystemClock
from threadcast.events import JournalEvent
from threadcast.store import Store
from threadcast.store.postgres import PostgresStore
from threadcast.store.records import JournalHead
from threadcast.store.sqlite import SqliteStore

USERS = ("ann", "bob")
BEFORE, AFTER = 15, 5


async def ran(*command: str | Path, **variables: str) -> str:
    """Run a program that must succeed; what it says."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment(**variables),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(WAIT_S):
        text = (await process.communicate())[0].decode()
    assert process.returncode == 0, text
    return text


async def say(server: ServerProcess, user: str, first: int, count: int) -> None:
    async with connect(server.url, token(user)) as client, asyncio.timeout(WAIT_S):
        for number in range(first, first + count):
            await client.send_message(f"{number}", client_message_id=f"m{number}")


async def read_to_head(server: ServerProcess, user: str) -> Cursor:
    """A client's cursor when it has all answers."""
    async with connect(server.url, token(user), after=0) as client, asyncio.timeout(WAIT_S):
        answers = 0
        async for item in client:
            answers += getattr(item, "event_type", "") == "agent_completed"
            if answers == BEFORE + AFTER:
                return client.cursor
    raise AssertionError("the client ended")


async def state_of(store: Store, user: str) -> tuple[JournalHead, list[tuple[int, bytes]]]:
    """A journal as it is: its head, and its events in short."""
    session = store.session(context_of(user))
    try:
        head = await session.journal()
        events = (await session.page(0, limit=100_000, max_bytes=1 << 30)).events
    finally:
        await session.close()
    return head, [(event.seq, _text(event)) for event in events]


def _text(event: JournalEvent) -> bytes:
    return event.stamp + event.event_type.value.encode() + event.data


@asynccontextmanager
async def opened(store: SqliteStore | PostgresStore) -> AsyncIterator[Store]:
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def comes_back(server: ServerProcess, user: str, cursor: Cursor) -> Reset:
    """A client returns with the cursor that it had."""
    async with connect(
        server.url, token(user), after=cursor.after, feed=cursor.feed, at=cursor.at
    ) as client:
        async with asyncio.timeout(WAIT_S):
            item = await anext(client)
        assert isinstance(item, Reset)
        await client.send_message("after the restore", client_message_id="restored")
        return item


async def judged(before: Store, after: Store, cursors: dict[str, Cursor]) -> None:
    """What is restored is the beginning of what was, and goes by another name."""
    for user in USERS:
        (old, all_events), (new, kept) = await state_of(before, user), await state_of(after, user)
        assert 0 < len(kept) < len(all_events)
        assert kept == all_events[: len(kept)]
        assert new.feed not in (None, old.feed, cursors[user].feed)
        assert new.head == kept[-1][0]


async def come_back(server: ServerProcess, cursors: dict[str, Cursor]) -> None:
    for user in USERS:
        reset = await comes_back(server, user, cursors[user])
        assert (reset.reason, reset.feed != cursors[user].feed) == ("new_feed", True)


async def work_and_back_up(server: ServerProcess, backup: asyncio.Task[str]) -> dict[str, Cursor]:
    """Clients write while the backup is made, and after it; where they are then."""
    await asyncio.gather(*(say(server, user, 0, BEFORE) for user in USERS))
    await backup
    await asyncio.gather(*(say(server, user, BEFORE, AFTER) for user in USERS))
    return {user: await read_to_head(server, user) for user in USERS}


async def test_a_file_is_copied_in_use_and_put_in_its_place(tmp_path: Path) -> None:
    place = tmp_path / "server"
    place.mkdir()
    copy, lost = tmp_path / "copy.db", tmp_path / "lost.db"
    async with serving(place, agents="promise_agents:quick", LOG_LEVEL="error") as server:
        await asyncio.gather(*(say(server, user, 0, 3) for user in USERS))
        command = (*COMMAND, "backup", copy, "--database", f"sqlite:///{server.database}")
        cursors = await work_and_back_up(server, asyncio.create_task(ran(*command)))
        await server.terminate()
        for ending in ("-wal", "-shm"):
            assert not server.database.with_name(server.database.name + ending).exists()
        server.database.rename(lost)
        copy.rename(server.database)
        async with (
            opened(SqliteStore(lost, clock=SystemClock())) as before,
            opened(SqliteStore(server.database, clock=SystemClock())) as after,
        ):
            await judged(before, after, cursors)
        await server.start()
        await come_back(server, cursors)


async def test_a_dump_of_postgresql_is_restored_and_its_feeds_are_renewed(
    tmp_path: Path, postgres_servers: PostgresServers
) -> None:
    postgres = postgres_servers.of(NEWEST)
    url = await postgres.new_schema()
    restored = await _other_database(postgres)
    dump = tmp_path / "threadcast.dump"
    schema = url.rpartition("=")[2]
    password = {"PGPASSWORD": PASSWORD, "PGOPTIONS": "-c threadcast.scope=all"}
    programs = programs_of(NEWEST)
    options = (
        *("--format=custom", "--enable-row-security", "--no-unlogged-table-data"),
        *(f"--schema={schema}", f"--file={dump}"),
    )
    name = f"host=127.0.0.1 port={postgres.port} user=threadcast dbname=postgres"
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    settings = {"agents": "promise_agents:quick", "LOG_LEVEL": "error"}
    async with serving(first, database_url=url, **settings) as server:
        await asyncio.gather(*(say(server, user, 0, 3) for user in USERS))
        backup = ran(programs / "pg_dump", *options, name, **password)
        cursors = await work_and_back_up(server, asyncio.create_task(backup))
    there = name.replace("dbname=postgres", f"dbname={restored}")
    await ran(programs / "pg_restore", "--no-owner", f"--dbname={there}", dump, **password)
    new_url = postgres.url(user="threadcast", database=restored, search_path=schema)
    text = await ran(*COMMAND, "feeds", "renew", "--yes", "--database", new_url)
    assert "2 journals have another feed id" in text
    async with (
        opened(PostgresStore(url, clock=SystemClock())) as before,
        opened(PostgresStore(new_url, clock=SystemClock())) as after,
    ):
        await judged(before, after, cursors)
    async with serving(second, database_url=new_url, **settings) as server:
        await come_back(server, cursors)


async def _other_database(postgres: PostgresServer) -> str:
    name = f"restored_{os.getpid()}"
    await postgres.run(f"CREATE DATABASE {name} OWNER threadcast TEMPLATE template0")
    return name
