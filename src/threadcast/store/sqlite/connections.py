"""Opening connections: files, modes, durability settings, and the checks that are cheap.

Every reason why a file cannot be used becomes one line for the operator.
"""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from ...errors import ConfigurationError

BUSY_TIMEOUT_MS = 1_000
_STATEMENTS_MAX = 200
_WRITER_CACHE_KIB = 65_536
DATA_FILE_MODE = 0o600
_FULL_CHECK_MAX_BYTES = 16 * 1024 * 1024
_HEADER_BYTES = 100
_MAGIC = b"SQLite format 3\x00"
_SYNCHRONOUS_CODE = {"OFF": 0, "NORMAL": 1, "FULL": 2, "EXTRA": 3}

_DAMAGED = (apsw.NotADBError, apsw.CorruptError)


def prepare_file(path: Path, *, create: bool) -> None:
    """Make sure that there is a file that this process may write, and that nobody else may read.

    Args:
        path: the database file.
        create: whether to make it when it is missing.

    Raises:
        ConfigurationError: with what to change.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
    try:
        os.close(os.open(path, flags, DATA_FILE_MODE))
    except OSError as error:
        raise cannot_open(path, (error.strerror or "unknown error").lower()) from error


def cannot_open(path: Path, reason: str) -> ConfigurationError:
    """The line for a file that cannot be opened or made."""
    return ConfigurationError(
        f"cannot open {path}: {reason}; "
        "set database_url (--database) to a file that this user can write",
        keys=("database_url",),
    )


def check_header(path: Path) -> None:
    """Refuse a file that is no database, or that is shorter than its own header says.

    Raises:
        ConfigurationError: it is not usable.
    """
    size = path.stat().st_size
    if size == 0:
        return
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        raise ConfigurationError(f"{path} is not a SQLite database; nothing was changed")
    page_bytes = int.from_bytes(header[16:18], "big")
    page_bytes = 65_536 if page_bytes == 1 else page_bytes
    pages = int.from_bytes(header[28:32], "big")
    count_is_valid = header[24:28] == header[92:96]
    log = path.with_name(path.name + "-wal")
    may_be_in_log = log.exists() and log.stat().st_size > 0  # killed within a checkpoint
    if count_is_valid and not may_be_in_log and size < pages * page_bytes:
        raise damaged(path, f"page {size // page_bytes + 1} of {pages} is missing")


def damaged(path: Path, what: str) -> ConfigurationError:
    """The line for a database that is damaged."""
    return ConfigurationError(
        f"{path}: integrity check failed ({what}); restore from backup, nothing was changed"
    )


def open_unchanged(path: Path, *, vfs: str | None) -> apsw.Connection:
    """Open a connection that can write and has not changed anything yet.

    Raises:
        apsw.Error: it cannot be opened now.
    """
    connection = apsw.Connection(str(path), vfs=vfs, statementcachesize=_STATEMENTS_MAX)
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    return connection


def make_durable(connection: apsw.Connection, *, synchronous: str) -> None:
    """Set how commits reach the disk, and read it back.

    Args:
        connection: is to write.
        synchronous: the durability of commits.

    Raises:
        ConfigurationError: a setting did not hold.
        apsw.Error: the file cannot be used now.
    """
    mode = connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", synchronous)
    connection.pragma("wal_autocheckpoint", 0)
    connection.pragma("cache_size", -_WRITER_CACHE_KIB)
    connection.pragma("temp_store", 2)
    held = connection.pragma("synchronous")
    if mode != "wal" or held != _SYNCHRONOUS_CODE[synchronous]:
        raise ConfigurationError(
            f"{connection.filename}: expected journal_mode wal and synchronous {synchronous},"
            f" got {mode} and {held}; this file system cannot keep the database safe"
        )


def open_writer(path: Path, *, vfs: str | None, synchronous: str) -> apsw.Connection:
    """Open a writing connection on a database that was checked before.

    Raises:
        ConfigurationError: a setting did not hold.
        apsw.Error: it cannot be opened now.
    """
    connection = open_unchanged(path, vfs=vfs)
    try:
        make_durable(connection, synchronous=synchronous)
    except BaseException:
        connection.close()
        raise
    return connection


def quick_check(connection: apsw.Connection, path: Path) -> None:
    """Check the structure of a small database; a large one is `doctor`'s work.

    Raises:
        ConfigurationError: it is damaged.
    """
    if path.stat().st_size > _FULL_CHECK_MAX_BYTES:
        return
    found = connection.pragma("quick_check", 1)
    if found != "ok":
        raise damaged(path, " ".join(str(found).split()))


def open_reader(path: Path, *, vfs: str | None) -> apsw.Connection:
    """Open a connection that can only read.

    Raises:
        apsw.Error: it cannot be opened now.
    """
    connection = apsw.Connection(
        str(path.absolute()),  # so that no name is taken for a URI
        flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,  # a copy may name its VFS
        vfs=vfs,
        statementcachesize=_STATEMENTS_MAX,
    )
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    connection.pragma("query_only", True)
    return connection


def is_damage(error: apsw.Error) -> bool:
    """Whether an error says that the file itself is bad."""
    return isinstance(error, _DAMAGED)
