"""Row-level security in PostgreSQL: users are isolated, whatever a statement says."""

from __future__ import annotations

import re

import asyncpg
import pytest

from postgres_scene import PostgresScene
from store_contract_places import connection_of, place
from store_scene import completed, context_of
from threadcast.store.postgres import statements as statements_of_sessions
from threadcast.store.postgres.keys import user_key
from threadcast.store.units import AliasThread, AppendToRun, CreateThread, RevokeSessions


async def _two_users(database: PostgresScene) -> None:
    node = await database.node()
    for user in ("ann", "bob"):
        claimed = await node.running(user, content=f"of {user}")
        await node.committed(AppendToRun(claimed.lease, [completed()], state=b"{}"))
        context = context_of(user)
        await node.committed(CreateThread(context, user, {}))
        await node.committed(AliasThread(context, "different-thread-abcd1234"))
        await node.committed(RevokeSessions(context, None, "jti", 2e9))
        await node.committed(place(connection_of(user)))


TABLES = (
    "users", "threads", "thread_aliases", "runs", "events", "messages", "sends", "checkpoints",
    "revoked_tokens", "revocations", "connections",
)  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
async def test_a_read_without_a_condition_sees_the_rows_of_its_user_only(
    database: PostgresScene, table: str
) -> None:
    await _two_users(database)
    connection = await asyncpg.connect(database.url)
    try:
        assert await connection.fetch(f"SELECT * FROM {table}") == []
        for user in ("ann", "bob"):
            async with connection.transaction(readonly=True):
                await connection.execute(f"SET LOCAL threadcast.user_key = '{user_key(user)}'")
                rows = await connection.fetch(f"SELECT user_key::text FROM {table}")
            assert {row[0].replace("-", "") for row in rows} == {user_key(user)}
        assert await connection.fetch(f"SELECT * FROM {table}") == []
    finally:
        await connection.close()


async def test_every_table_has_both_walls(database: PostgresScene) -> None:
    await database.node()
    rows = await database.run(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class"
        " WHERE relnamespace = $1::text::regnamespace AND relkind = 'r'",
        database.schema,
    )
    open_ones = {row[0] for row in rows if not (row[1] and row[2])}
    assert open_ones == {"threadcast_schema", "threadcast_schema_steps", "nodes"}
    assert len(rows) > 12


async def test_a_transaction_that_names_a_user_cannot_write(database: PostgresScene) -> None:
    await _two_users(database)
    connection = await asyncpg.connect(database.url)
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL threadcast.user_key = '{user_key('ann')}'")
            assert await connection.execute("UPDATE users SET head = 0") == "UPDATE 0"
            assert await connection.execute("DELETE FROM events") == "DELETE 0"
    finally:
        await connection.close()


_ANY_OF_TYPE = {"int8": 1, "int4": 1, "text": "x", "text[]": ["x"], "numeric": 1, "_text": ["x"]}
READS = sorted(
    name
    for name, sql in vars(statements_of_sessions).items()
    if isinstance(sql, str) and name.isupper() and not name.startswith("_")
)


@pytest.mark.parametrize("name", READS)
async def test_no_read_of_a_session_looks_at_the_rows_of_others(
    database: PostgresScene, name: str
) -> None:
    """With row-level security in force, every table is reached by an index that begins with it."""
    await _two_users(database)
    connection = await asyncpg.connect(database.url)
    try:
        async with connection.transaction(readonly=True):
            key = user_key("ann")
            await connection.execute(f"SET LOCAL threadcast.user_key = '{key}'")
            await connection.execute(
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"
            )
            sql = getattr(statements_of_sessions, name)
            types = (await connection.prepare(sql)).get_parameters()[1:]
            others = [_ANY_OF_TYPE[one.name] for one in types]
            plan = [row[0] for row in await connection.fetch(f"EXPLAIN {sql}", key, *others)]
    finally:
        await connection.close()
    scans = [number for number, line in enumerate(plan) if re.search(r"Scan .*on \w+", line)]
    for number in scans:
        if not re.search("Function Scan|Subquery Scan| on nodes ", plan[number]):
            detail = " ".join(plan[number : number + 2])
            assert re.search(r"Index (Only )?Scan", plan[number]), "\n".join(plan)
            assert "user_key = " in detail, "\n".join(plan)
    assert scans
