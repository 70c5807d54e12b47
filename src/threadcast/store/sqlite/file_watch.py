"""Whether the files on disk are still those that are open.

A file that was deleted or replaced under a running server still takes writes, which nobody will
ever read. This module knows nothing of databases.
"""

from __future__ import annotations

import logging
from pathlib import Path

Inode = tuple[int, int]

log = logging.getLogger(__name__)


class FileWatch:
    """Looks at a database file and its log, in microseconds.

    Args:
        path: the database file, which is open.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._inode = _inode_of(path)
        self._log_inode = _inode_of(self._log)
        self._was_intact = True

    @property
    def intact(self) -> bool:
        """Whether the files on disk are those that are open."""
        intact = _inode_of(self._path) == self._inode and _inode_of(self._log) == self._log_inode
        if self._was_intact and not intact:
            log.error("%s was deleted or replaced while open; commits stop", self._path)
        self._was_intact = intact
        return intact

    def reopened(self) -> None:
        """Take note that the log may be another file now; the database may not."""
        self._log_inode = _inode_of(self._log)


def _inode_of(path: Path) -> Inode | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino)
