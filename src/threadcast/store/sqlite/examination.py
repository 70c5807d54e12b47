"""A look at a database that changes nothing: for a person who wants to know whether all is well.

Opening a store migrates it and ends the leases of the server before it; looking must do neither.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw

from ...clock import Clock
from ..schema_steps import load_steps
from .connections import damaged, is_damage, open_reader
from .early_check import check_early
from .lockfile import LockFile
from .schema import version_of


def examine(path: Path, *, clock: Clock) -> dict[str, str]:
    """Check the whole structure of a database, however large, and say what it is.

    Args:
        path: the database file; it must exist.
        clock: for the lock that keeps nodes away meanwhile.

    Raises:
        StoreInUse: a server has the file.
        ConfigurationError: it cannot be used; the message says why and what to change.
    """
    check_early(path, create=False)
    lock = LockFile(path)
    lock.acquire(now=clock.now())
    try:
        with closing(open_reader(path, vfs=None)) as connection:
            return _facts(connection, path)
    except apsw.Error as error:
        if is_damage(error):
            raise damaged(path, str(error)) from error
        raise
    finally:
        lock.release()


def _facts(connection: apsw.Connection, path: Path) -> dict[str, str]:
    steps = load_steps("sqlite")
    version = version_of(connection, steps)
    found = connection.pragma("quick_check", 1)
    if found != "ok":
        raise damaged(path, " ".join(str(found).split()))
    newest = steps[-1].version
    waits = "" if version == newest else f", {newest} once a server has opened it"
    return {
        "schema": f"version {version}{waits}",
        "structure": "ok",
        "size": f"{path.stat().st_size} bytes",
    }
