"""Reads and migrates the schema's version.

One row holds the database's version. A migration locks that row in the transaction of the step
itself, which needs no session state, so a pooler in transaction mode may stand between. This module
never repairs and never deletes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import asyncpg

from ...errors import ConfigurationError
from ..schema_steps import SchemaStep, newer_problem, oldest_for
from .connecting import Connection, Target

_ATTEMPTS_MAX = 3
_KEYS = ("database_url",)
_MAKE_TABLE = """
CREATE TABLE IF NOT EXISTS threadcast_schema (
    is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
    version integer NOT NULL
)
"""
# One row for each step that was made: who may use a database that has it.
_MAKE_STEPS = """
CREATE TABLE IF NOT EXISTS threadcast_schema_steps (
    version integer PRIMARY KEY,
    oldest integer NOT NULL,
    name text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
_HAS_STEPS = "SELECT to_regclass('threadcast_schema_steps') IS NOT NULL"
_OLDEST = "SELECT oldest FROM threadcast_schema_steps WHERE version = $1"
_NOTE_STEP = """
INSERT INTO threadcast_schema_steps (version, oldest, name) VALUES ($1, $2, $3)
ON CONFLICT (version) DO UPDATE SET oldest = excluded.oldest, name = excluded.name
"""
_MAKE_ROW = "INSERT INTO threadcast_schema (version) VALUES (0) ON CONFLICT DO NOTHING"
_IS_OURS = "SELECT to_regclass('threadcast_schema') IS NOT NULL"
_PLACE = """
SELECT current_schema(), current_user, current_setting('search_path'),
has_schema_privilege(current_schema(), 'CREATE'),
coalesce(to_regclass('events'), to_regclass('users'), to_regclass('runs')) IS NOT NULL
"""
_VERSION = "SELECT version FROM threadcast_schema"
# How long a migration waits for a lock, so that it does not hold up a node at work for ever.
_BEGIN = (
    "BEGIN; SET LOCAL transaction_isolation = 'read committed';"
    " SET LOCAL lock_timeout = '10s'; SET LOCAL threadcast.scope = 'all'"
)
_LOCK_MAX_S = 15.0
_STEP_MAX_S = 86_400.0  # a large table may have to be rewritten

log = logging.getLogger(__name__)


async def version_of(connection: Connection, target: Target, steps: Sequence[SchemaStep]) -> int:
    """The schema's version, 0 for a database without our tables; changes nothing.

    It may be newer than the steps, if its migration declared this program compatible.

    Raises:
        ConfigurationError: the schema is another program's, or too new for this one.
    """
    if not (await connection.fetch(_IS_OURS))[0][0]:
        await _check_place(connection, target)
        return 0
    rows = await connection.fetch(_VERSION)
    version = int(rows[0][0]) if rows else 0
    problem = newer_problem(version, await _oldest_for(connection, version), steps)
    if problem is not None:
        raise ConfigurationError(f"{target.name}: {problem}", keys=_KEYS)
    return version


async def _oldest_for(connection: Connection, version: int) -> int | None:
    if not (await connection.fetch(_HAS_STEPS))[0][0]:
        return None
    rows = await connection.fetch(_OLDEST, version)
    return int(rows[0][0]) if rows else None


async def _check_place(connection: Connection, target: Target) -> None:
    """Refuse a schema where tables cannot be created, or where another program has some.

    Raises:
        ConfigurationError: with what to change.
    """
    schema, role, path, may, used = (await connection.fetch(_PLACE))[0]
    if schema is None:
        raise ConfigurationError(
            f"{target.name}: no schema of the search_path ({path}) exists; create it "
            "(CREATE SCHEMA), or set search_path in database_url (?search_path=NAME)",
            keys=_KEYS,
        )
    if not may:
        raise ConfigurationError(
            f'{target.name}: role "{role}" may not make tables in schema "{schema}"; '
            f'GRANT CREATE ON SCHEMA "{schema}" TO "{role}", or set search_path in database_url '
            "(?search_path=NAME)",
            keys=_KEYS,
        )
    if used:
        raise ConfigurationError(
            f'{target.name}: schema "{schema}" has tables of another program; create a schema for '
            "Threadcast, and set search_path in database_url (?search_path=NAME)",
            keys=_KEYS,
        )


def refuse_older(target: Target, *, version: int, newest: int) -> None:
    """Refuse a schema that has to be migrated first; an empty database is fine.

    Other nodes may be using it, so a person chooses the moment.

    Raises:
        ConfigurationError: with the command to run.
    """
    if 0 < version < newest:
        raise ConfigurationError(
            f"{target.name}: database is version {version}, this program needs {newest}: "
            "run threadcast migrate, or set database_migrate = true",
            keys=_KEYS,
        )


def refuse_empty(target: Target, *, version: int) -> None:
    """Refuse a database without tables.

    Raises:
        ConfigurationError: with the command to run.
    """
    if not version:
        raise ConfigurationError(
            f"{target.name}: there are no tables yet: run threadcast migrate", keys=_KEYS
        )


async def migrate(connection: Connection, target: Target, steps: Sequence[SchemaStep]) -> int:
    """Migrate to the newest version, each step in one transaction; returns the previous version.

    Safe to run concurrently: each step is done by one of the programs. An empty database is set up
    in one transaction, so that no node that starts meanwhile finds an older schema.

    Raises:
        ConfigurationError: see `version_of`.
        asyncpg.PostgresError: a step failed; the database has the version before it.
    """
    had = await version_of(connection, target, steps)
    if had >= steps[-1].version:
        return had
    await _make_version_row(connection)
    for together in [[step] for step in steps[had:]] if had else [steps]:
        await _make(connection, target, together, steps)
    return had


async def _make_version_row(connection: Connection) -> None:
    """Create the version row; others may be doing the same."""
    for left in reversed(range(_ATTEMPTS_MAX)):
        try:
            await connection.execute(f"{_MAKE_TABLE}; {_MAKE_ROW}; {_MAKE_STEPS}")
            return
        except (asyncpg.UniqueViolationError, asyncpg.DuplicateTableError):
            if not left:
                raise


async def _make(
    connection: Connection,
    target: Target,
    together: Sequence[SchemaStep],
    steps: Sequence[SchemaStep],
) -> None:
    await connection.execute(_BEGIN)
    try:
        await connection.execute(f"{_VERSION} FOR UPDATE", within_s=_LOCK_MAX_S)
        rows = await connection.fetch(_VERSION)
        for step in together:
            if rows[0][0] < step.version:
                log.info("%s: migrating to version %d", target.name, step.version)
                await connection.execute(step.sql, within_s=_STEP_MAX_S)
                await connection.execute("UPDATE threadcast_schema SET version = $1", step.version)
                oldest = oldest_for(steps, step.version)
                await connection.execute(_NOTE_STEP, step.version, oldest, step.name)
        await connection.execute("COMMIT")
    except BaseException:
        connection.terminate()
        raise
