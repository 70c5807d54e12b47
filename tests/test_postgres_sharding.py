"""That the tables can be distributed by user: what the SQL names, what the plans touch.

A statement that names its users is answered by the parts of a database that hold them. Those that
do not are in `across_users`, by name, and go over indexes that hold only what there is to do.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import AsyncIterator, Iterator
from hashlib import md5

import asyncpg
import pytest

import threadcast.store.postgres
from database_statements import statements_in
from postgres_scene import PostgresScene
from store_scene import Scene, completed, context_of, delta
from threadcast.store.migration_units import CountAliasUses
from threadcast.store.postgres import across_users
from threadcast.store.postgres.batch import _FLUSH
from threadcast.store.postgres.keys import user_key
from threadcast.store.postgres.readers import BY_KEY
from threadcast.store.schema_steps import load_steps
from threadcast.store.units import (
    AppendToRun,
    CancelRun,
    CreateThread,
    RenewLeases,
    Sweep,
    UpdateThread,
)

USERS = 3_000
_VERBS = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE)\b")
_SCOPED = re.compile(
    r"user_key = \$1\b"
    r"|user_key = ANY\((\$1::uuid\[\]|keys)\)"
    r"|keys\[.*\] AS user_key|user_key = keys\["
    r"|unnest\(\s*(\$[12]::uuid\[\]|keys)"
    r"|INSERT INTO \w+ \(user_key\b"
    r"|user_key = of_user"
    r"|append_to_runs\(\$1, \$2"
    r"|take_places\(\$1"
)
# Statements about the server or about all nodes, not about users.
_OF_NO_USER = frozenset(
    {
        "schema._IS_OURS",
        "schema._PLACE",
        "schema._VERSION",
        "schema._MAKE_ROW",
        "schema._HAS_STEPS",
        "schema._OLDEST",
        "schema._NOTE_STEP",
        "condition._CONDITION",
        "connecting._PROCESS",
        "nodes._ALIVE",
        "nodes._ENTER",
        "nodes._HOLDS",
        "nodes._REMOVE",
        "nodes._RENEW",
        "operators._DRAIN",
        "sweeps._BEGIN",
    }
)
# Rows that belong to no user; each of these tables is small.
_TABLES_OF_NO_USER = frozenset(
    {"threadcast_schema", "threadcast_schema_steps", "cluster", "nodes", "operator_actions"}
)
# Indexes that do not begin with the user: each serves a statement of `across_users`.
_ACROSS_INDEXES = frozenset(
    {
        "connections_of_node",
        "connections_unwanted",
        "connections_asked",
        "operator_actions_action_id_key",
        "revocations_by_time",
        "users_to_trim",
        "threads_to_purge",
        "threads_by_ordinal",
        "thread_aliases_of_no_known_shape",
        "migrated_threads_by_ordinal",
        "runs_queued",
        "runs_owned",
        "runs_asked",
        "runs_to_compact",
        "revoked_tokens_by_expiry",
    }
)
# What `across_users.TURNS` calls, and an older program; they walk from user to user by an index.
_ACROSS_FUNCTIONS = frozenset({"lock_next_users", "turns_in_circle", "turns_of_all"})
# What is asked again and again while servers are at work, of all users at once.
_HOT_ACROSS = (
    *("TURNS", "CLAIM", "LAPSED", "HEADS", "COMPACT", "TRIM", "PURGE", "FORGET"),
    *("NOTICES", "ABANDONED", "LOST_NODE", "SWEEP_PLACES"),
)


def constants() -> Iterator[tuple[str, str]]:
    """Every constant of the store's modules that is SQL, by module and name."""
    for found in pkgutil.iter_modules(threadcast.store.postgres.__path__):
        module = importlib.import_module(f"threadcast.store.postgres.{found.name}")
        for name, value in vars(module).items():
            is_part = name.endswith("_COLUMNS") or not name.lstrip("_").isupper()
            if isinstance(value, str) and _VERBS.search(value) and not is_part:
                yield f"{found.name}.{name}", value


def functions() -> Iterator[tuple[str, str]]:
    """Every statement of the functions that migrations make, by function and number."""
    for migration in load_steps("postgres"):
        for name, body in re.findall(
            r"CREATE FUNCTION (\w+)\(.*?\nBEGIN\n(.*?)\nEND\b", migration.sql, re.DOTALL
        ):
            for number, sql in enumerate(body.split(";")):
                if _VERBS.search(sql) and name not in _ACROSS_FUNCTIONS:
                    yield f"{name}.{number}", sql


ACROSS = {value for name, value in vars(across_users).items() if name.isupper()}


def test_every_statement_names_its_users_or_says_why_not() -> None:
    found = dict([*constants(), *functions()])
    assert {"append_to_runs", "take_places"} <= {place.partition(".")[0] for place in found}
    unscoped = {
        place for place, sql in found.items() if not _SCOPED.search(sql) and sql not in ACROSS
    }
    assert unscoped - _OF_NO_USER == set()


async def test_every_executed_statement_is_one_of_the_checked_constants(
    database: PostgresScene,
) -> None:
    """No statement is put together where the test above does not see it."""
    node = await database.node(lossy=True)
    database.proxy.kept = []
    await _a_bit_of_everything(node)
    sent = {sql for sql in statements_in(database.proxy.kept) if not _OF_ASYNCPG.search(sql)}
    assert len(sent) > 25
    assert any("append_to_runs" in sql for sql in sent)
    assert sent - {sql for _, sql in constants()} - {_SIZE} == set()


_OF_ASYNCPG = re.compile(r"typeinfo_tree|'jit'")  # how it learns of the types of arrays
_SIZE = "SELECT pg_database_size(current_database())"


async def _a_bit_of_everything(node: Scene) -> None:
    context = context_of("ann")
    await node.committed(CreateThread(context, "a title", {}))
    run = await node.running("ann")
    await node.committed(AppendToRun(run.lease, [delta("a")]))
    await node.committed(RenewLeases(20.0, [run.lease]))
    await node.committed(AppendToRun(run.lease, [completed()], state=b"{}"))
    await node.committed(UpdateThread(context, title="another", metadata=None))
    sent = await node.send(context_of("ann"), key="key-2")
    await node.outcomes(CancelRun(context_of("ann", sent.thread_id), "no more"), CountAliasUses(()))
    await node.take_over()
    for what in ("compact", "trim", "purge", "forget"):
        await node.committed(Sweep(what, 1.0, 5))
    async with node.session("ann") as session:
        await session.page(0, limit=5, max_bytes=1_000)
        await session.threads(limit=5, before=None)
        await session.thread(sent.thread_id)
        await session.messages(sent.thread_id, limit=5, before=None)
        await session.run(sent.run_id)
        await session.inputs(sent.run_id)
        await session.timestamp(1)
        await session.search("hello", limit=5)
        await session.journal("jti")
    await node.store.heads(["ann"])
    await node.store.facts()
    await node.store.alias_facts(now=1.0)


async def test_every_key_begins_with_the_user(database: PostgresScene) -> None:
    await database.node()
    rows = await database.run(_INDEXES, database.schema)
    assert len(rows) > 20
    others = {index for table, index, first, _ in rows if first != "user_key"}
    keys = {table for table, _, first, unique in rows if unique and first != "user_key"}
    assert keys == _TABLES_OF_NO_USER
    assert {name for name in others if not name.endswith("_pkey")} == _ACROSS_INDEXES


_INDEXES = """
SELECT t.relname, i.relname, a.attname, x.indisunique
FROM pg_index AS x
JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_class AS t ON t.oid = x.indrelid
JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
WHERE t.relnamespace = $1::text::regnamespace AND t.relkind = 'r'
"""


async def test_one_sequence_and_only_new_threads_use_it(database: PostgresScene) -> None:
    """Every number of a user's, but a thread's ordinal, is given under the lock on their row."""
    node = await database.node()
    run = await node.running("ann")
    rows = await database.run(_SEQUENCES, database.schema)
    assert [row[0] for row in rows] == ["operator_actions_ordinal_seq", "threads_ordinal_seq"]
    for turn in range(3):
        await node.committed(AppendToRun(run.lease, [delta(f"{turn}")]))
        context = context_of("ann", run.lease.address.thread_id)
        await node.send(context, new_thread=False, key=f"k{turn}")
    assert await database.run(_SEQUENCES, database.schema) == rows


_SEQUENCES = (
    "SELECT sequencename::text, last_value FROM pg_sequences WHERE schemaname = $1 ORDER BY 1"
)


# --- plans, with some thousand users ------------------------------------------------------

_FILL = f"""
INSERT INTO users (user_key, user_id, feed, head, threads, runs, trim_us)
SELECT md5(n::text)::uuid, 'u' || n, 'feed_x', 8, 1, 1, 0 FROM generate_series(1, {USERS}) AS n;
INSERT INTO threads (user_key, thread, thread_id, first_seq, last_seq, created_us, updated_us,
metadata) SELECT user_key, 1, 'thread_' || user_id, 1, 8, 0, 0, '{{}}' FROM users;
INSERT INTO runs (user_key, run, thread, status, run_id, agent, on_crash, on_disconnect,
message_seq, created_us, ended_us, owner, lease_until)
SELECT md5(n::text)::uuid, 1, 1, CASE n % 10 WHEN 0 THEN 2 WHEN 9 THEN 1 ELSE 4 END, 'run_u' || n,
'a', 'retry', 'continue', 2, 0, CASE WHEN n % 10 < 9 THEN 0 END,
CASE n % 10 WHEN 0 THEN 'node' END, CASE n % 10 WHEN 0 THEN now() + interval '1 day' END
FROM generate_series(1, {USERS}) AS n;
INSERT INTO events (user_key, seq, at_us, thread, run, type, data)
SELECT user_key, n, 0, 1, 1, CASE n WHEN 2 THEN 4 WHEN 8 THEN 13 ELSE 8 END, '{{}}'
FROM users, generate_series(1, 8) AS n;
INSERT INTO messages (user_key, seq, thread, preview, words)
SELECT user_key, 2, 1, 'a', 'a' FROM users;
INSERT INTO sends (user_key, run, client_message_id, digest) SELECT user_key, 1, 'k', '' FROM users;
INSERT INTO nodes (node_id, version, role, lease_until)
SELECT 'node-' || n, '1', 'all', now() + interval '1 day' FROM generate_series(1, 200) AS n;
INSERT INTO connections (user_key, connection_id, node_id, kind, opened_us)
SELECT md5(n::text)::uuid, 'c', 'node-' || n % 200, 'websocket', 0
FROM generate_series(1, {USERS}) AS n;
INSERT INTO revocations (user_key, revoked_at)
SELECT user_key, now() - interval '1 day' FROM users;
ANALYZE
"""
# Not filled here: an empty table is read as a whole.
_EMPTY = (
    "thread_aliases",
    "migrated_threads",
    "run_aliases",
    "inputs",
    "checkpoints",
    "ingests",
    "nodes",
    "revoked_tokens",
)


@pytest.fixture
async def filled(database: PostgresScene) -> AsyncIterator[asyncpg.Connection]:
    """Some thousand users; a connection of the role that row-level security holds."""
    await database.node()
    for sql in _FILL.split(";"):
        await database.run(sql)
    connection = await asyncpg.connect(database.url)
    try:
        yield connection
    finally:
        await connection.close()


async def _generic_plan(connection: asyncpg.Connection, sql: str) -> list[str]:
    """How a statement is carried out whatever its arguments are."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL threadcast.user_key = '{user_key('ann')}'")
        await connection.execute("SET LOCAL threadcast.scope = 'all'")
        await connection.execute(f"SET LOCAL plan_cache_mode = force_generic_plan; {BY_KEY}")
        types = (await connection.prepare(sql)).get_parameters()
        values = f"({', '.join(['NULL'] * len(types))})" if types else ""
        await connection.execute(f"PREPARE asked AS {sql}")
        plan = await connection.fetch(f"EXPLAIN EXECUTE asked{values}")
        await connection.execute("DEALLOCATE asked")
        return [row[0] for row in plan]


def _scans(plan: list[str]) -> Iterator[tuple[str, str, str]]:
    """How each table is scanned: the kind, the table and the lines that say by what."""
    for number, line in enumerate(plan):
        found = re.search(
            r"(Seq Scan|Index Scan|Index Only Scan|Bitmap Heap Scan).* on (\w+)", line
        )
        if found:
            yield found[1], found[2], " ".join(plan[number + 1 : number + 4])


async def test_no_statement_about_users_scans_those_of_others(
    filled: asyncpg.Connection,
) -> None:
    examined = 0
    for place, sql in constants():
        if sql in ACROSS or place in _OF_NO_USER or place == "schema._MAKE_ROW":
            continue
        plan = await _generic_plan(filled, sql)
        for kind, table, detail in _scans(plan):
            whole = kind == "Seq Scan" or "Index Cond" not in detail
            if table in _TABLES_OF_NO_USER or (table in _EMPTY and whole):
                continue
            told = f"{place}:\n" + "\n".join(plan)
            assert kind != "Seq Scan", told
            assert re.search(r"Index Cond: \(.*user_key = ", detail) or kind.startswith("B"), told
            examined += 1
    assert examined > 40


@pytest.mark.parametrize("name", _HOT_ACROSS)
async def test_what_looks_across_users_goes_over_an_index_of_what_there_is_to_do(
    filled: asyncpg.Connection, name: str
) -> None:
    plan = await _generic_plan(filled, getattr(across_users, name))
    for kind, table, _ in _scans(plan):
        assert kind != "Seq Scan" or table in _EMPTY, "\n".join(plan)


async def test_the_call_for_plain_appends_keeps_to_the_keys_of_its_users(
    database: PostgresScene, filled: asyncpg.Connection
) -> None:
    """Also with plans that were made when the tables were empty, and kept."""
    plans: list[str] = []

    def keep(_: asyncpg.Connection, said: asyncpg.PostgresLogMessage) -> None:
        if "append_to_runs" in (said.context or ""):
            plans.append(said.detail)

    filled.add_log_listener(keep)
    await filled.execute("SET threadcast.scope = 'all'; SET client_min_messages = log")
    await filled.execute("SET debug_print_plan = on; SET debug_pretty_print = off")
    await filled.fetch(
        "SELECT heads FROM append_to_runs(1, $1, '{1}', '{1}', '{run_u1}', '{4}', '{0}', '{1}',"
        " '{4}', '{1}', '{8}', '{x}')",
        [md5(b"1").hexdigest()],
    )
    keys = await database.run(
        "SELECT indexrelid::text FROM pg_index WHERE indrelid = ANY($1::text[]::regclass[])"
        " AND (indisunique OR indexrelid = $2::text::regclass)",
        [f"{database.schema}.{table}" for table in ("users", "runs", "threads")],
        f"{database.schema}.runs_next",
    )
    said = " ".join(" ".join(plans).split())
    used = set(re.findall(r"\{INDEX(?:ONLY)?SCAN .*?:indexid (\d+)", said))
    assert "{SEQSCAN" not in said
    assert "{BITMAP" not in said
    assert len(used) >= 4  # of users, runs, threads, and of runs that wait
    assert used <= {row[0] for row in keys}
    head = await database.run("SELECT head FROM users WHERE user_id = $1", "u1")
    assert head[0][0] == 9


@pytest.mark.parametrize("users", [100, 350])
async def test_a_batch_is_not_held_against_every_row_while_nothing_is_known_of_a_table(
    database: PostgresScene, users: int
) -> None:
    """Without statistics a table seemed to hold one row, and each of a batch was held against all.

    It took two seconds to create 500 threads in a database that had begun to fill a minute ago.
    """
    await database.node()
    await database.run("ALTER TABLE threads SET (autovacuum_enabled = off)")
    await database.run(
        "INSERT INTO threads (user_key, thread, first_seq, last_seq, created_us, updated_us,"
        " thread_id, metadata) SELECT md5(u::text)::uuid, t, t, t, 0, 0, u || '-' || t, '{}'"
        f" FROM generate_series(1, {users}) AS u, generate_series(1, 20) AS t"
    )
    keys = [md5(str(number).encode(), usedforsecurity=False).hexdigest() for number in range(1, 26)]
    touched = [(key, thread, 1) for key in keys for thread in range(1, 21)]
    connection = await asyncpg.connect(database.url)
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL threadcast.scope = 'all'; {BY_KEY}")
            none: list[list[int]] = [[]] * 8
            plan = [
                row[0]
                for row in await connection.fetch(
                    f"EXPLAIN {_FLUSH}", 0, *none, *map(list, zip(*touched, strict=True))
                )
            ]
    finally:
        await connection.close()

    assert "Join Filter" not in "\n".join(plan), "\n".join(plan)
