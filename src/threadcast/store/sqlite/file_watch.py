"""Whether the files on disk are still those that are open.

A file that was deleted or replaced under a running server still takes writes, which nobody will
ever read. This module knows nothing of databases.
"""

from __future__ import annotations

import logging
from pathlib import Path

from ...clock import Clock

_PROBE_EVERY_S = 5.0
Inode = tuple[int, int]

log = logging.getLogger(__name__)


class FileWatch:
    """Looks at a database file and its log, at most every 5 seconds.

    Args:
        path: the database file, which is open.
        clock: says when it is time to look again.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._clock = clock
        self._inode = _inode_of(path)
        self._log_inode = _inode_of(self._log)
        self._probed_at = clock.monotonic()
        self._intact = True

    @property
    def intact(self) -> bool:
        """Whether the last look found the files that are open; looks again when it is time."""
        now = self._clock.monotonic()
        if now - self._probed_at >= _PROBE_EVERY_S:
            self._probed_at = now
            self._look()
        return self._intact

    def reopened(self) -> None:
        """Take note that the log may be another file now; the database may not."""
        self._log_inode = _inode_of(self._log)
        self._look()

    def _look(self) -> None:
        intact = _inode_of(self._path) == self._inode and _inode_of(self._log) == self._log_inode
        if self._intact and not intact:
            log.error("%s was deleted or replaced while open; commits stop", self._path)
        self._intact = intact


def _inode_of(path: Path) -> Inode | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino)
