"""`threadcast feeds`: gives every journal a new feed id after a restore, which resets cursors."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import click

from ..clock import SystemClock
from ..errors import ThreadcastError
from ..settings import Settings, is_postgres, sqlite_path
from ..settings.sources import read_settings
from ..store.sqlite import check_early
from ..upkeep.feed_renewal import renew_feeds
from . import exits
from .groups import LazyCommand, LazyGroup
from .options import config_option
from .own_store import opened_store
from .printing import printable

_BATCH_JOURNALS = 1_000
_BATCH_MAX_JOURNALS = 10_000
_LINE_EVERY_JOURNALS = 100_000

command = LazyGroup(
    "feeds",
    {"renew": LazyCommand("threadcast.cli.feeds:renew", "Have every cursor reset.")},
    help="Feed ids: which life of a journal a cursor belongs to.",
)


@click.command("renew")
@click.option(
    "--database",
    metavar="URL",
    help="The database.  [default: what the settings say]",
)
@config_option
@click.option("--user", "user_id", metavar="ID", help="Only this user's journal.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@click.option("--after", default="", metavar="PLACE", help="Go on where an earlier call ended.")
@click.option("--beside-nodes", is_flag=True, help="Do it while nodes use a PostgreSQL database.")
@click.option(
    "--batch",
    "batch_journals",
    type=click.IntRange(1, _BATCH_MAX_JOURNALS),
    default=_BATCH_JOURNALS,
    metavar="N",
    help=f"Journals in one commit.  [default: {_BATCH_JOURNALS}]",
)
def renew(
    database: str | None,
    config_path: Path | None,
    user_id: str | None,
    after: str,
    batch_journals: int,
    *,
    is_sure: bool,
    beside_nodes: bool,
) -> None:
    """Give every journal a new feed id, so that clients read again what they have.

    For a database that was restored from a backup, before nodes use it: the cursors of clients may
    be ahead of it. Each batch is one commit. If it is interrupted, run it again, from the beginning
    or with --after.
    """
    if user_id is not None and after:
        raise click.UsageError("--after: expected no --user; there is only one journal")
    settings = read_settings({"database_url": database}, os.environ, config_path).settings
    if not is_postgres(settings.database_url):
        check_early(_existing_file(settings), create=False)
    _ask(is_sure=is_sure, user_id=user_id)
    renewed = asyncio.run(
        _renew(settings, user_id, after, batch_journals, beside_nodes=beside_nodes)
    )
    if user_id is not None and not renewed:
        raise exits.CommandFailed(f"{printable(user_id)} has no journal", exits.USAGE)
    click.echo(f"{_journals(renewed)} another feed id now; clients will read again")


def _existing_file(settings: Settings) -> Path:
    path = sqlite_path(settings.database_url)
    if not path.exists():
        raise exits.CommandFailed(f"{path}: there is no such database", exits.CONFIGURATION)
    return path


def _ask(*, is_sure: bool, user_id: str | None) -> None:
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("--yes: expected it where nobody can be asked")
    whose = "Every client" if user_id is None else f"Every client of {printable(user_id)}"
    click.confirm(f"{whose} will read its threads anew. Go on?", abort=True, err=True)


async def _renew(
    settings: Settings,
    user_id: str | None,
    after: str,
    batch_journals: int,
    *,
    beside_nodes: bool,
) -> int:
    """Renew, and return the number of renewed journals."""
    store = await opened_store(settings, SystemClock(), beside_nodes=beside_nodes)
    renewed, said_at, place = 0, 0, after
    try:
        async for step in renew_feeds(
            store, SystemClock(), after=after, batch_journals=batch_journals, user_id=user_id
        ):
            renewed, place = renewed + step.renewed, step.next or ""
            if place and renewed - said_at >= _LINE_EVERY_JOURNALS:
                said_at = renewed
                click.echo(f"{_journals(renewed)} another feed id (--after {place})", err=True)
    except (ThreadcastError, asyncio.CancelledError):
        if place:
            click.echo(f"stopped; go on with --after {place}", err=True)
        raise
    finally:
        await store.close()
    return renewed


def _journals(count: int) -> str:
    return "1 journal has" if count == 1 else f"{count:,} journals have"
