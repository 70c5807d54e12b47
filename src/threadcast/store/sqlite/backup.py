"""A copy of a database that is in use: a prefix of its journals, with other feed ids.

Whoever puts the copy in the place of the database goes back in time, and cursors must notice. So
every journal of the copy is another life of that journal, under a feed id of its own.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import apsw

from ...errors import ConfigurationError
from ...ids import UnifiedIdGenerator
from .connections import DATA_FILE_MODE, open_reader
from .lockfile import is_locked
from .paced_vfs import PacedVfs

_NEW_FEEDS = "UPDATE users SET feed = ? WHERE user = ?"


def back_up(database: Path, target: Path, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Copy a database into a new file; blocks until the copy is on the disk.

    A server may use the database meanwhile: the copy is what was committed when it began, and is
    written so slowly that the server's commits hardly wait. If no server has the database when the
    copy begins, it is written at full speed.

    Args:
        database: the database file.
        target: the new file; appears only when it is complete.
        sleep: is called with each pause for the server's commits, in seconds.

    Raises:
        ConfigurationError: the target exists already or cannot be made, or the database cannot be
            read.
    """
    part = target.with_name(target.name + ".part")
    try:
        str(part.absolute()).encode()  # as SQLite needs it
        claimed = _claim(part)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"cannot back up {database} to {target}: {error}") from error
    try:
        if target.exists():
            raise ConfigurationError(f"{target} exists already; a backup never overwrites a file")
        paced = PacedVfs("threadcast-backup", sleep=sleep)
        vfs = paced.vfs_name if is_locked(database) else apsw.vfs_names()[0]
        _copy(database, part, vfs)
        _renew_feeds(part, vfs)
        _sync(part)
        _publish(part, target)
        _sync(target.parent)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError | apsw.Error):
            raise ConfigurationError(f"cannot back up {database} to {target}: {error}") from error
        raise
    finally:
        os.close(claimed)


def _claim(part: Path) -> int:
    """An empty file for one backup at a time; its descriptor holds the claim.

    What a killed backup left is used again, but no file that somebody else can read or write.

    Raises:
        OSError: it cannot be made, is not ours, or another backup is being written there.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(part, flags, DATA_FILE_MODE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(f"another backup is being written to {part}") from error
        found = os.fstat(descriptor)
        if not os.path.samestat(found, os.stat(part)):
            raise OSError(f"another backup was being written to {part}")  # it is complete now
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
            raise OSError(f"{part} exists and is not what a backup of this user left: remove it")
        os.fchmod(descriptor, DATA_FILE_MODE)
        os.ftruncate(descriptor, 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _copy(database: Path, part: Path, vfs: str) -> None:
    connection = open_reader(database, vfs=None)
    try:
        connection.pragma("query_only", False)
        connection.execute("VACUUM INTO ?", (f"{part.absolute().as_uri()}?vfs={vfs}",))
    finally:
        connection.close()


def _publish(part: Path, target: Path) -> None:
    """Give the complete copy its name, which nobody may have taken meanwhile.

    Raises:
        FileExistsError: somebody has.
    """
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if target.exists():
            raise
        part.rename(target)
    else:
        part.unlink()


def _renew_feeds(part: Path, vfs: str) -> None:
    """Give every journal of the copy another feed id."""
    connection = apsw.Connection(str(part), vfs=vfs)
    try:
        connection.pragma("journal_mode", "OFF")  # after a failure, the whole copy is removed
        with connection:
            users = [row[0] for row in connection.execute("SELECT user FROM users")]
            feeds = ((UnifiedIdGenerator.generate_base_id("feed"), user) for user in users)
            connection.executemany(_NEW_FEEDS, feeds)
    finally:
        connection.close()


def _sync(path: Path) -> None:
    """Have a file or a folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
