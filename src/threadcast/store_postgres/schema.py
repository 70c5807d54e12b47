"""The schema's versions: which one a database has, and the steps from there to ours.

One row says which version the database has. Whoever migrates locks that row, in the transaction of
the step itself: this needs no session of its own, so a pooler in transaction mode may stand
between. This module never repairs and never deletes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import asyncpg

from ..errors import ConfigurationError
from .connecting import Connection, Target

_ATTEMPTS_MAX = 3
_KEYS = ("database_url",)
_MAKE_TABLE = """
CREATE TABLE IF NOT EXISTS threadcast_schema (
    is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
    version integer NOT NULL
)
"""
_MAKE_ROW = "INSERT INTO threadcast_schema (version) VALUES (0) ON CONFLICT DO NOTHING"
_IS_OURS = "SELECT to_regclass('threadcast_schema') IS NOT NULL"
_PLACE = """
SELECT current_schema(), current_user, current_setting('search_path'),
has_schema_privilege(current_schema(), 'CREATE'),
coalesce(to_regclass('events'), to_regclass('users'), to_regclass('runs')) IS NOT NULL
"""
_VERSION = "SELECT version FROM threadcast_schema"
# Locks wait at most so long: a migration must not hold up a server that is at work for ever.
_BEGIN = "BEGIN; SET LOCAL lock_timeout = '10s'; SET LOCAL threadcast.scope = 'all'"
_LOCK_MAX_S = 15.0
_STEP_MAX_S = 86_400.0  # a large table may have to be rewritten

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: the SQL that makes schema `version` out of the one before."""

    version: int
    name: str
    sql: str


def load_migrations() -> tuple[Migration, ...]:
    """The steps that this program knows, in order, from version 1."""
    folder = resources.files("threadcast") / "migrations" / "postgres"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(
        Migration(int(name[:4]), name, (folder / name).read_text(encoding="utf-8"))
        for name in names
    )


async def version_of(connection: Connection, target: Target, *, newest: int) -> int:
    """The schema's version, 0 for a database without anything of ours in it; changes nothing.

    Raises:
        ConfigurationError: the schema is of another program, or newer than this one.
    """
    if not (await connection.fetch(_IS_OURS))[0][0]:
        await _check_place(connection, target)
        return 0
    rows = await connection.fetch(_VERSION)
    version = int(rows[0][0]) if rows else 0
    if version > newest:
        raise ConfigurationError(
            f"{target.name}: database is version {version}, this program knows {newest}",
            keys=_KEYS,
        )
    return version


async def _check_place(connection: Connection, target: Target) -> None:
    """Refuse a place where no tables can be made, or where another program has some.

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
    """Refuse a schema that has to be migrated first; an empty database is none.

    Other nodes may be at work on it, so a person says when.

    Raises:
        ConfigurationError: with the command to run.
    """
    if 0 < version < newest:
        raise ConfigurationError(
            f"{target.name}: database is version {version}, this program needs {newest}: "
            "run threadcast migrate, or set database_migrate = true",
            keys=_KEYS,
        )


async def migrate(connection: Connection, target: Target, migrations: Sequence[Migration]) -> int:
    """Bring the database to the newest version, each step in one transaction; the version it had.

    Any number of programs may do this at once: each step is done by one of them.

    Raises:
        ConfigurationError: see `version_of`.
        asyncpg.PostgresError: a step failed; the database has the version before it.
    """
    newest = migrations[-1].version
    had = await version_of(connection, target, newest=newest)
    if had == newest:
        return had
    await _make_version_row(connection)
    for migration in migrations[had:]:
        await _step(connection, target, migration)
    return had


async def _make_version_row(connection: Connection) -> None:
    """Make the row that says which version there is; others may be doing the same."""
    for left in reversed(range(_ATTEMPTS_MAX)):
        try:
            await connection.execute(f"{_MAKE_TABLE}; {_MAKE_ROW}")
            return
        except (asyncpg.UniqueViolationError, asyncpg.DuplicateTableError):
            if not left:
                raise


async def _step(connection: Connection, target: Target, migration: Migration) -> None:
    await connection.execute(_BEGIN)
    try:
        await connection.execute(f"{_VERSION} FOR UPDATE", within_s=_LOCK_MAX_S)
        rows = await connection.fetch(_VERSION)
        if rows[0][0] < migration.version:
            log.info("%s: migrating to version %d", target.name, migration.version)
            await connection.execute(migration.sql, within_s=_STEP_MAX_S)
            await connection.execute("UPDATE threadcast_schema SET version = $1", migration.version)
        await connection.execute("COMMIT")
    except BaseException:
        connection.terminate()
        raise
