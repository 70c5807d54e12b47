"""The schema's versions: which one a database has, and the steps from there to ours.

`application_id` says that a file is ours, `user_version` which schema it has. This module never
repairs and never deletes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import apsw

from ..errors import ConfigurationError

APPLICATION_ID = 0x54435354  # "TCST"
ALIAS_USES_VERSION = 4
"""The first schema that tells uses and ages of aliases."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: the SQL that makes schema `version` out of the one before."""

    version: int
    name: str
    sql: str


def load_migrations() -> tuple[Migration, ...]:
    """The steps that this program knows, in order, from version 1."""
    folder = resources.files("threadcast") / "migrations" / "sqlite"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(
        Migration(int(name[:4]), name, (folder / name).read_text(encoding="utf-8"))
        for name in names
    )


def version_of(connection: apsw.Connection, migrations: Sequence[Migration]) -> int:
    """The schema's version, 0 for a database without anything in it; changes nothing.

    Raises:
        ConfigurationError: the database is of another program, or newer than this one.
    """
    newest = migrations[-1].version
    application_id = connection.pragma("application_id")
    if application_id != APPLICATION_ID:
        if application_id != 0 or connection.execute("SELECT count(*) FROM sqlite_schema").get:
            raise ConfigurationError(f"{connection.filename} is a database of another program")
        return 0
    version = int(connection.pragma("user_version"))
    if version > newest:
        raise ConfigurationError(
            f"{connection.filename}: database is version {version}, this program knows {newest}"
        )
    return version


def migrate(connection: apsw.Connection, migrations: Sequence[Migration]) -> int:
    """Bring the database to the newest version in one transaction; the version it had.

    A crash inside leaves the version that it had.

    Raises:
        ConfigurationError: see `version_of`.
    """
    newest = migrations[-1].version
    version = version_of(connection, migrations)
    if version == newest:
        return version
    if version > 0:
        log.warning(
            "migrating %s from version %d to %d in one transaction; a backup made before is the"
            " only way back to the older program",
            *(connection.filename, version, newest),
        )
    with connection:
        for migration in migrations[version:]:
            connection.execute(migration.sql)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {newest}")
    return version
