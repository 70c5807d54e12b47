"""Fills a database with very many threads and events, fast, by SQL while the store is closed.

The rows are the ones that the store itself would have written for users who created threads.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw
import asyncpg

from threadcast.settings import sqlite_path

_SQLITE_CACHE_KIB = 256 * 1_024

_SERIES = "{name}(i) AS (SELECT {low} UNION ALL SELECT i + 1 FROM {name} WHERE i + 1 < {high})"
_AT_US = 1_763_629_200_000_000
_DATA = '{"title":"Conversation","metadata":{}}'
_METADATA = "{}"


@dataclass(frozen=True)
class Fill:
    """Users to add.

    Attributes:
        first: the number of the first; users are named by their numbers.
        users: how many.
        threads: of each user.
        events: of each thread.
    """

    first: int
    users: int
    threads: int
    events: int


def filler(number: int) -> str:
    """The id of one added user."""
    return f"filler-{number}"


async def add(url: str, fill: Fill) -> None:
    """Add users, threads and events to the database of a store that is closed."""
    if url.startswith("sqlite"):
        await asyncio.to_thread(_add_to_sqlite, sqlite_path(url), fill)
    else:
        await _add_to_postgres(url, fill)


def _add_to_sqlite(path: Path, fill: Fill) -> None:
    last = fill.first + fill.users
    users = _series("u", fill.first, last)
    each = fill.threads * fill.events
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("synchronous", "OFF")
        connection.pragma("cache_size", -_SQLITE_CACHE_KIB)
        user = f"{_next_key(connection, 'user', 'users') - fill.first} + u.i"
        thread = f"{_next_key(connection, 'thread', 'threads')} + (u.i - {fill.first})"
        thread = f"{thread} * {fill.threads}"
        with connection:
            connection.execute(
                f"WITH RECURSIVE {users} INSERT INTO users (user, user_id, feed, head)"
                f" SELECT {user}, 'filler-' || i, 'feed_fill_' || i, {each} FROM u"
            )
            connection.execute(
                f"WITH RECURSIVE {users}, {_series('t', 0, fill.threads)} INSERT INTO threads"
                " (thread, user, first_seq, last_seq, created_us, updated_us, thread_id, metadata)"
                f" SELECT {thread} + t.i, {user}, t.i + 1, {each} - {fill.threads} + t.i + 1,"
                f" {_AT_US}, {_AT_US}, 'thread_fill_' || u.i || '_' || t.i, '{_METADATA}'"
                " FROM u, t"
            )
            connection.execute(
                f"WITH RECURSIVE {users}, {_series('s', 0, each)} INSERT INTO events"
                f" (user, seq, thread, type, at_us, data) SELECT {user}, s.i + 1,"
                f" {thread} + s.i % {fill.threads}, 1, {_AT_US}, CAST('{_DATA}' AS BLOB)"
                " FROM u, s"
            )
        connection.pragma("wal_checkpoint(TRUNCATE)")


def _next_key(connection: apsw.Connection, key: str, table: str) -> int:
    (last,) = next(iter(connection.execute(f"SELECT coalesce(max({key}), 0) FROM {table}")))
    return int(last) + 1


def _series(name: str, low: int, high: int) -> str:
    return _SERIES.format(name=name, low=low, high=high)


async def _add_to_postgres(url: str, fill: Fill) -> None:
    each = fill.threads * fill.events
    users = f"generate_series({fill.first}, {fill.first + fill.users - 1}) AS u"
    key = "encode(substr(sha256(convert_to('filler-' || u, 'UTF8')), 1, 16), 'hex')::uuid"
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "BEGIN; SET LOCAL threadcast.scope = 'all'; SET LOCAL synchronous_commit = off;"
            " INSERT INTO users (user_key, user_id, feed, head, threads)"
            f" SELECT {key}, 'filler-' || u, 'feed_fill_' || u, {each}, {fill.threads}"
            f" FROM {users};"
            " INSERT INTO threads (user_key, thread, first_seq, last_seq, created_us, updated_us,"
            f" thread_id, metadata) SELECT {key}, t + 1, t + 1, {each} - {fill.threads} + t + 1,"
            f" {_AT_US}, {_AT_US}, 'thread_fill_' || u || '_' || t, '{_METADATA}'"
            f" FROM {users}, generate_series(0, {fill.threads - 1}) AS t;"
            " INSERT INTO events (user_key, seq, thread, type, at_us, data)"
            f" SELECT k, s + 1, s % {fill.threads} + 1, 1, {_AT_US}, convert_to('{_DATA}', 'UTF8')"
            f" FROM (SELECT {key} AS k FROM {users}) AS n, generate_series(0, {each - 1}) AS s;"
            " COMMIT",
            timeout=600,
        )
        # As in a database that grew slowly: no background work of the fill is left.
        await connection.execute("VACUUM (ANALYZE) users, threads, events", timeout=600)
    finally:
        await connection.close()
