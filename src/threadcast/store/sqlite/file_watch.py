"""Whether the files on disk are still those that are open.

A file that was deleted or replaced under a running server still takes writes, which nobody will
ever read. This module knows nothing of databases.
"""

from __future__ import annotations

import logging
from pathlib import Path

from ...errors import ThreadcastError

REPLACED = "the database file was deleted or replaced"
Inode = tuple[int, int]

log = logging.getLogger(__name__)


class FileWatch:
    """Looks at a database file and its log, in microseconds.

    Args:
        path: the database file, no link, which is open, as is its log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._inode = _inode_of(path)
        self._log_inode: Inode | None = None
        self._were_intact = True
        self.opened()

    def opened(self) -> None:
        """The log was opened, maybe another one than before; the database is the same."""
        self._log_inode = _inode_of(self._log)

    def closing(self) -> None:
        """The log is not watched any more: it goes when the last connection is closed."""
        self._log_inode = None

    def are_intact(self) -> bool:
        """Look whether the files on disk are those that are open."""
        log_inode = self._log_inode
        intact = _inode_of(self._path) == self._inode
        intact = intact and log_inode in (None, _inode_of(self._log))
        if self._were_intact and not intact:
            log.error("%s was deleted or replaced while open; commits stop", self._path)
        elif intact and not self._were_intact:
            log.warning("%s is back; commits go on", self._path)
        self._were_intact = intact
        return intact

    def check(self) -> None:
        """Raise `unavailable` unless the files are intact.

        Raises:
            ThreadcastError: they are not.
        """
        if not self.are_intact():
            raise ThreadcastError("unavailable", REPLACED)


def _inode_of(path: Path) -> Inode | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino)
