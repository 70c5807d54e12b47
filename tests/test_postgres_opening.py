"""Opening a PostgreSQL database: refusals with what to change, and warnings."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from postgres_scene import PostgresScene, postgres_scene
from postgres_server import PASSWORD, PostgresServer, PostgresServers, free_port
from store_scene import NOW, Scene, context_of
from threadcast.clock import SystemClock
from threadcast.errors import ConfigurationError, ThreadcastError
from threadcast.store.postgres import PostgresStore, condition, schema
from threadcast.store.postgres.connecting import Target, connect, reason
from threadcast.store.schema_steps import SchemaStep, load_steps
from threadcast.testing.clock import ManualClock


@pytest.fixture(scope="module")
def careless() -> Iterator[PostgresServer]:
    """A server that does not wait for the disk unless it is told to."""
    server = PostgresServer(settings={"synchronous_commit": "off", "full_page_writes": "off"})
    server.start()
    yield server
    server.close()


async def refusal(url: str) -> str:
    """Why a database cannot be opened; the password is never part of it."""
    store = PostgresStore(url, clock=SystemClock())
    try:
        with pytest.raises(ConfigurationError) as refused:
            await store.open()
    finally:
        await store.close()
    assert refused.value.keys == ("database_url",)
    assert PASSWORD not in str(refused.value)
    assert "\n" not in str(refused.value)
    return str(refused.value)


async def test_d9_a_wrong_password(database: PostgresScene) -> None:
    line = await refusal(database.server.url(user="threadcast", password="hunter2"))
    assert 'the password of role "threadcast" was not accepted' in line
    assert "THREADCAST_DATABASE_URL" in line
    assert "hunter2" not in line


async def test_d9_no_such_role_is_a_wrong_password(database: PostgresScene) -> None:
    line = await refusal(database.server.url(user="nobody-here", password="hunter2"))
    assert 'the password of role "nobody-here" was not accepted' in line


async def test_d9_no_such_database(database: PostgresScene) -> None:
    line = await refusal(database.server.url(database="not-there"))
    assert 'there is no database "not-there"; create it' in line


async def test_d9_a_search_path_without_a_schema(database: PostgresScene) -> None:
    line = await refusal(database.server.url(user="threadcast", search_path="not_there"))
    assert "no schema of the search_path (not_there) exists" in line
    assert "?search_path=NAME" in line


async def test_d9_a_schema_in_which_nothing_may_be_made(database: PostgresScene) -> None:
    line = await refusal(database.server.url(user="threadcast"))
    assert 'GRANT CREATE ON SCHEMA "public" TO "threadcast"' in line


async def test_d9_a_schema_of_another_program(database: PostgresScene) -> None:
    await database.run("CREATE TABLE users (name text)")
    line = await refusal(database.url)
    assert "has tables of another program; create a schema for Threadcast" in line


async def test_d9_an_option_that_is_not_known(database: PostgresScene) -> None:
    assert "colour" in await refusal(f"{database.url}&colour=blue")
    assert "sslmode" in await refusal(f"{database.url}&sslmode=strict")


async def test_d9_a_certificate_that_is_not_there(
    database: PostgresScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = tmp_path / "ca.pem"
    strict = f"{database.url}&sslmode=verify-full"
    assert "no such file" in await refusal(f"{strict}&sslrootcert={nowhere}")
    nowhere.write_text("no certificate")
    assert "its certificate was not accepted" in await refusal(f"{strict}&sslrootcert={nowhere}")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "sslrootcert" in await refusal(strict)


async def test_d9_tls_that_the_server_does_not_offer(database: PostgresScene) -> None:
    store = PostgresStore(f"{database.url}&sslmode=require", clock=SystemClock())
    with pytest.raises(ThreadcastError) as refused:
        await store.open()
    assert "it offers no TLS" in refused.value.message


async def test_d9_tls_that_the_server_demands(postgres_servers: PostgresServers) -> None:
    error = asyncpg.InvalidAuthorizationSpecificationError(
        'no pg_hba.conf entry for host "10.0.0.9", user "chat", database "chat", no encryption'
    )
    target = Target.of("postgresql://chat:hunter2@db.example.com/chat")
    line = reason(target, error)
    assert line.endswith("add ?sslmode=require to database_url")
    assert "hunter2" not in line
    assert "hunter2" not in repr(target)


async def test_d9_an_old_version(database: PostgresScene) -> None:
    found = condition.Settings(
        *(110_022, "11.22", "on", "on", "on", "UTF8", False, False, 0.0),
    )
    with pytest.raises(ConfigurationError, match=r"version 11\.22, expected 15 or later"):
        condition.refuse_unusable(found, Target.of(database.url))


async def test_d9_a_server_that_is_not_there_may_come_back() -> None:
    store = PostgresStore(f"postgresql://u:hunter2@127.0.0.1:{free_port()}/x", clock=SystemClock())
    with pytest.raises(ThreadcastError) as refused:
        await store.open()
    assert refused.value.code == "unavailable"
    assert "cannot reach the database 127.0.0.1:" in refused.value.message
    assert "hunter2" not in refused.value.message


async def test_d10_without_fsync_nothing_is_kept() -> None:
    server = PostgresServer(settings={"fsync": "off"})
    try:
        server.start()
        line = await refusal(await server.new_schema())
    finally:
        server.close()
    assert "fsync is off" in line
    assert "set fsync = on" in line


async def test_d10_commits_wait_for_the_disk_whatever_the_server_does(
    careless: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with postgres_scene(careless) as database:
        node = await database.node()
        assert "Threadcast sets it to on for its own transactions" in caplog.text
        assert "full_page_writes is off" in caplog.text
        assert (await node.store.facts())["synchronous_commit"] == "on"
        await database.run(
            "CREATE TABLE seen (setting text);"
            "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
            f" INSERT INTO {database.schema}.seen"
            " VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;"
            "CREATE TRIGGER looking AFTER INSERT ON events EXECUTE FUNCTION look()"
        )
        await node.thread("ann")
        assert [row[0] for row in await database.run("SELECT * FROM seen WHERE $1", True)] == ["on"]


async def test_a_role_that_passes_the_second_wall_is_warned_about(
    database: PostgresScene, caplog: pytest.LogCaptureFixture
) -> None:
    store = PostgresStore(database.server.url(search_path=database.schema), clock=SystemClock())
    await store.open()
    await store.close()
    assert "row-level security does not hold it" in caplog.text


async def test_d12_nothing_is_kept_in_a_session_of_the_database(database: PostgresScene) -> None:
    """What a pooler in transaction mode would give to somebody else: nothing of ours is there."""
    node = await database.node()
    await node.running("ann")
    await node.journal("ann")
    rows = await database.run(
        "SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),"
        " (SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
        " AND state <> 'idle')",
        "threadcast",
    )
    assert tuple(rows[0]) == (0, 0)


# --- versions of the schema -----------------------------------------------------------------------


async def test_d5_a_newer_schema_is_refused(database: PostgresScene) -> None:
    await database.node()
    await database.run("UPDATE threadcast_schema SET version = 99")
    newest = load_steps("postgres")[-1].version
    line = await refusal(database.url)
    assert f"database is version 99, this program knows {newest}" in line


async def test_d6_an_older_schema_names_the_command_that_migrates_it(
    database: PostgresScene, migrations: tuple[SchemaStep, ...]
) -> None:
    target = Target.of(database.url)
    connection = await connect(target, timeout_s=5.0)
    try:
        await schema.migrate(connection, target, migrations[:1])
        with pytest.raises(ConfigurationError, match="run threadcast migrate"):
            schema.refuse_older(target, version=1, newest=2)
        assert await schema.migrate(connection, target, migrations) == 1
        assert (await connection.fetch("SELECT note FROM threadcast_schema"))[0][0] == "kept"
        assert await schema.migrate(connection, target, migrations) == 2
    finally:
        await connection.close()


async def test_d6_a_step_that_fails_leaves_the_version_before_it(
    database: PostgresScene, migrations: tuple[SchemaStep, ...]
) -> None:
    target = Target.of(database.url)
    broken = SchemaStep(2, "0002_broken.sql", migrations[1].sql + "; SELECT 1 / 0")
    connection = await connect(target, timeout_s=5.0)
    await schema.migrate(connection, target, migrations[:1])
    with pytest.raises(asyncpg.DivisionByZeroError):
        await schema.migrate(connection, target, (migrations[0], broken))
    versions = await database.run("SELECT version FROM threadcast_schema WHERE $1", True)
    assert [row[0] for row in versions] == [1]
    await database.store(migrate_older=True)
    columns = await database.run(
        "SELECT count(*) FROM information_schema.columns WHERE column_name = 'note'"
        " AND table_schema = $1",
        database.schema,
    )
    assert columns[0][0] == 0


async def test_an_empty_database_has_no_older_schema_while_it_is_set_up(
    database: PostgresScene, migrations: tuple[SchemaStep, ...]
) -> None:
    """Else a node that begins in this moment would ask a person to migrate it."""
    target = Target.of(database.url)
    steps = (migrations[0], SchemaStep(2, "0002_wait.sql", "SELECT pg_advisory_xact_lock(5)"))
    making, other = [await connect(target, timeout_s=30.0) for _ in range(2)]
    try:
        await other.execute("SELECT pg_advisory_lock(5)")
        made = asyncio.create_task(schema.migrate(making, target, steps))
        while not await other.fetch(
            "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        ):
            assert not made.done()
        assert await schema.version_of(other, target, steps) == 0
        await other.execute("SELECT pg_advisory_unlock(5)")
        assert await made == 0
        assert await schema.version_of(other, target, steps) == 2
    finally:
        await making.close()
        await other.close()


async def test_many_nodes_set_up_one_empty_database(database: PostgresScene) -> None:
    stores = [PostgresStore(database.url, clock=ManualClock(NOW)) for _ in range(6)]
    try:
        await asyncio.gather(*(store.open() for store in stores))
        for number, store in enumerate(stores):
            assert (await Scene(store).send(context_of("ann"), key=f"k{number}")).seq
        assert await stores[0].heads(["ann"]) == {"ann": 12}
    finally:
        await asyncio.gather(*(store.close() for store in stores))


@pytest.fixture
def migrations() -> tuple[SchemaStep, ...]:
    """The first step, and one that a later version may bring."""
    step = "ALTER TABLE threadcast_schema ADD COLUMN note text NOT NULL DEFAULT 'kept'"
    return (load_steps("postgres")[0], SchemaStep(2, "0002_note.sql", step))


async def test_passwords_are_not_logged(
    database: PostgresScene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    node = await database.node(lossy=True)
    await node.thread("ann")
    await database.run("ALTER ROLE threadcast CONNECTION LIMIT 0")
    try:
        node.store._writer.discard()  # type: ignore[attr-defined]
        with pytest.raises(ThreadcastError):
            await node.thread("ann")
    finally:
        await database.run("ALTER ROLE threadcast CONNECTION LIMIT -1")
    assert PASSWORD not in caplog.text
    assert "cannot" in caplog.text
