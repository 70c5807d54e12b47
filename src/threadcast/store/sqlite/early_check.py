"""Can this database be opened? Asked before anything is made beside it.

A start that is refused shall leave no file behind. What is said here is said again by the store,
which asks under its lock; so whatever only a closer look finds is left to that.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import apsw

from ..schema_steps import load_steps
from .connections import cannot_open, check_header, prepare_file
from .lockfile import lock_path
from .schema import version_of


def check_early(path: Path, *, create: bool = True) -> None:
    """Refuse a database that surely cannot be opened; nothing is made or changed.

    Args:
        path: the database file.
        create: whether a missing file is going to be made.

    Raises:
        ConfigurationError: with what to change.
    """
    if create and not os.path.lexists(path):
        _check_folder(path)
        return
    if os.path.exists(path) or not create:
        prepare_file(path, create=False)
        if not lock_path(path).exists():  # else it may be changing, and the lock is there anyway
            check_header(path)
            _check_owner(path)


def _check_folder(path: Path) -> None:
    folder = path.absolute().parent
    try:
        flags = os.statvfs(f"{folder}/.").f_flag
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise cannot_open(path, f"the folder {folder}: {reason}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        reason = "read-only file system" if flags & os.ST_RDONLY else "permission denied"
        raise cannot_open(path, f"the folder {folder}: {reason}")


def _check_owner(path: Path) -> None:
    """Refuse another program's database, where that can be seen without its log."""
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size > 0:
        return
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        connection = apsw.Connection(f"file:{quote(str(path))}?immutable=1", flags=flags)
    except apsw.Error:
        return  # the store says what is wrong with it
    try:
        version_of(connection, load_steps("sqlite"))
    except apsw.Error:
        return
    finally:
        connection.close()
