"""Reads and migrates the schema's version.

`application_id` identifies our files, `user_version` the schema. This module never repairs and
never deletes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import apsw

from ...errors import ConfigurationError
from ..schema_steps import SchemaStep, newer_problem, oldest_for

APPLICATION_ID = 0x54435354  # "TCST"
ALIAS_USES_VERSION = 4
"""The first schema that records uses and ages of aliases."""

_MAKE_TABLE = """
CREATE TABLE IF NOT EXISTS schema_steps (
    version INTEGER PRIMARY KEY, oldest INTEGER NOT NULL, name TEXT NOT NULL
) STRICT
"""
_HAS_TABLE = "SELECT 1 FROM sqlite_schema WHERE name = 'schema_steps'"
_OLDEST = "SELECT oldest FROM schema_steps WHERE version = ?"
_NOTE = "INSERT OR REPLACE INTO schema_steps (version, oldest, name) VALUES (?, ?, ?)"

log = logging.getLogger(__name__)


def version_of(connection: apsw.Connection, steps: Sequence[SchemaStep]) -> int:
    """The schema's version, 0 for an empty database; changes nothing.

    It may be newer than the steps, if its migration declared this program compatible.

    Raises:
        ConfigurationError: the database is another program's, or too new for this one.
    """
    application_id = connection.pragma("application_id")
    if application_id != APPLICATION_ID:
        if application_id != 0 or connection.execute("SELECT count(*) FROM sqlite_schema").get:
            raise ConfigurationError(f"{connection.filename} is a database of another program")
        return 0
    version = int(connection.pragma("user_version"))
    problem = newer_problem(version, _oldest_for(connection, version), steps)
    if problem is not None:
        raise ConfigurationError(f"{connection.filename}: {problem}")
    return version


def _oldest_for(connection: apsw.Connection, version: int) -> int | None:
    if connection.execute(_HAS_TABLE).get is None:
        return None
    oldest = connection.execute(_OLDEST, (version,)).get
    return None if oldest is None else int(oldest)


def migrate(connection: apsw.Connection, steps: Sequence[SchemaStep]) -> int:
    """Migrate to the newest version in one transaction; returns the previous version.

    A crash inside leaves the previous version.

    Raises:
        ConfigurationError: see `version_of`.
    """
    newest = steps[-1].version
    version = version_of(connection, steps)
    if version >= newest:
        return version
    if version > 0:
        log.warning(
            "migrating %s from version %d to %d in one transaction; a backup made before is the"
            " only way back to the older program",
            *(connection.filename, version, newest),
        )
    with connection:
        connection.execute(_MAKE_TABLE)
        for step in steps[version:]:
            connection.execute(step.sql)
            connection.execute(_NOTE, (step.version, oldest_for(steps, step.version), step.name))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {newest}")
    return version
