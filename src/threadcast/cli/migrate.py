"""`threadcast migrate`: migrates the database to the schema of this version."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from ..clock import SystemClock
from ..errors import ConfigurationError
from ..settings import Settings, is_postgres, sqlite_path
from ..settings.sources import read_settings
from ..store.choice import postgres_store, store_of
from .options import config_option
from .printing import printable


@click.command("migrate")
@click.option(
    "--database",
    metavar="URL",
    help="The database.  [default: what the settings say]",
)
@config_option
def command(database: str | None, config_path: Path | None) -> None:
    """Migrate a database to the schema of this version, each step in one transaction.

    Nodes of this version and of the previous one may be running meanwhile. A SQLite file must not
    be in use.
    """
    settings = read_settings({"database_url": database}, os.environ, config_path).settings
    migrate = _migrate_postgres if is_postgres(settings.database_url) else _migrate_sqlite
    click.echo(printable(asyncio.run(migrate(settings))))


async def _migrate_postgres(settings: Settings) -> str:
    store = postgres_store(settings, SystemClock())
    had, has = await store.migrate()
    if had == has:
        return f"{store.name}: version {has} already, nothing to do"
    return f"{store.name}: version {had or 'none'} before, {has} now"


async def _migrate_sqlite(settings: Settings) -> str:
    """A file is migrated by opening it, as every server does."""
    path = sqlite_path(settings.database_url)
    if not path.exists():
        raise ConfigurationError(
            f"database_url: expected an existing database, got {path}; a server makes a new one"
        )
    store = store_of(settings, SystemClock())
    await store.open()
    try:
        schema = (await store.facts())["schema"]
    finally:
        await store.close()
    return f"{path}: version {schema}"
