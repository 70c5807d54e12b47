"""One server per database file: a lock beside it that says who holds it.

The operating system holds the lock, so it ends with its process however that ends; the text in the
file is only for people. This module knows nothing of databases.
"""

from __future__ import annotations

import fcntl
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from ...errors import ConfigurationError, StoreInUse
from .connections import DATA_FILE_MODE

_LOOK_MAX_S = 0.05  # `is_locked` holds a free lock while it looks


def lock_path(database: Path) -> Path:
    """The lock file of a database file."""
    return database.with_name(database.name + ".lock")


def is_locked(database: Path) -> bool:
    """Whether a server has this database now, under this name or the one that it links to."""
    return any(_is_held(lock_path(one)) for one in {database, database.resolve()})


def _is_held(lock: Path) -> bool:
    """True also where it cannot be known."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lock(descriptor: int) -> None:
    """Lock an open lock file.

    Raises:
        OSError: somebody holds it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(_LOOK_MAX_S)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class LockFile:
    """The lock of one database file.

    Args:
        database: the database file; the lock is `<database>.lock` and stays there when released,
            because removing it would let two holders lock two different files.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = lock_path(database)
        self._descriptor: int | None = None

    def acquire(self, *, now: float) -> None:
        """Take the lock and write down who has it.

        Args:
            now: wall time, seconds since the epoch.

        Raises:
            StoreInUse: another holder has it; the message says which process and since when.
            ConfigurationError: the lock file cannot be made.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, DATA_FILE_MODE)
        except OSError as error:
            raise ConfigurationError(f"cannot open {self._path}: {error.strerror}") from error
        try:
            _lock(descriptor)
        except OSError as error:
            holder = os.pread(descriptor, 256, 0).decode("utf-8", "replace").strip()
            os.close(descriptor)
            raise StoreInUse(
                f"{self._database} is in use by {holder or 'another process'}"
            ) from error
        since = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"pid {os.getpid()} since {since}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock up; idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
