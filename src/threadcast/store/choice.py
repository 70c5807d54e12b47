"""Chooses the store for a `database_url`. PostgreSQL's is imported only when needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..clock import Clock
from ..errors import ConfigurationError
from ..settings import Settings, is_postgres, sqlite_path
from . import Store
from .sqlite import SqliteStore

if TYPE_CHECKING:
    from .postgres import PostgresStore


def store_of(settings: Settings, clock: Clock) -> Store:
    """The store that the settings name, not yet open.

    Raises:
        ConfigurationError: a package is missing; the message says how to install it.
    """
    if is_postgres(settings.database_url):
        return postgres_store(settings, clock)
    return SqliteStore(
        sqlite_path(settings.database_url), clock=clock, reader_count=settings.store_readers
    )


def postgres_store(
    settings: Settings,
    clock: Clock,
    *,
    migrate_older: bool | None = None,
    rehearsal: bool = False,
    timeout_s: float | None = None,
) -> PostgresStore:
    """The shared store.

    Args:
        settings: their `database_url` names a PostgreSQL database.
        clock: this node's.
        migrate_older: whether opening migrates an older schema; None for what the settings say.
        rehearsal: whether everything is undone when the store is closed.
        timeout_s: replaces the settings' bound on statements, in seconds.

    Raises:
        ConfigurationError: see `store_of`.
    """
    try:
        from .postgres import PostgresStore
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise ConfigurationError(
            "database_url: PostgreSQL needs the package asyncpg: "
            "pip install 'threadcast[postgres]'",
            keys=("database_url",),
        ) from error
    return PostgresStore(
        settings.database_url,
        clock=clock,
        reader_count=settings.store_readers,
        timeout_s=timeout_s or settings.database_timeout_s,
        commit_timeout_s=settings.database_commit_timeout_s,
        prepare_statements=settings.database_prepared_statements,
        migrate_older=settings.database_migrate if migrate_older is None else migrate_older,
        rehearsal=rehearsal,
    )
