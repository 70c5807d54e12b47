"""`threadcast backup`: a copy of a SQLite database that may be in use."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import click

from ..settings import is_postgres, sqlite_path
from ..settings.sources import read_settings
from ..store.sqlite import check_early
from ..store.sqlite.backup import back_up
from . import exits
from .options import config_option
from .printing import printable


@click.command("backup")
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--database", metavar="URL", help="The database.  [default: what the settings say]")
@config_option
def command(target: Path, database: str | None, config_path: Path | None) -> None:
    """Copy a SQLite database into FILE, even while a server uses it.

    The copy contains what was committed when it began, and every journal in it has a new feed id:
    when it is restored, clients notice and read again. While a server uses the database, the copy
    is written slowly, so that commits hardly wait. FILE must not exist yet. For PostgreSQL use its
    own tools, and threadcast feeds renew after a restore.
    """
    settings = read_settings({"database_url": database}, os.environ, config_path).settings
    if is_postgres(settings.database_url):
        raise exits.CommandFailed(
            "got a PostgreSQL database, expected a SQLite file: back it up with pg_dump or a base "
            "backup, and run threadcast feeds renew after a restore",
            exits.CONFIGURATION,
        )
    path = sqlite_path(settings.database_url)
    if not path.exists():
        raise exits.CommandFailed(f"{path}: there is no such database", exits.CONFIGURATION)
    check_early(path, create=False)
    _yield_cpu()
    back_up(path, target)
    click.echo(printable(f"{target}: {target.stat().st_size:,} bytes"))


def _yield_cpu() -> None:
    """Let a server on this machine have the CPU first, where that is allowed."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(19)
