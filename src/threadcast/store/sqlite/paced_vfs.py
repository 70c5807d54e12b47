"""A SQLite VFS that writes in small pieces, each synced, with pauses: a large copy shares the disk.

The operating system would collect the writes of a copy and flush them at once, and on many file
systems a commit's sync waits for all of that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import apsw

PIECE_BYTES = 65_536
_PAUSE_FACTOR = 20.0  # of the time that a piece took: at most one commit in twenty waits for one
_PAUSE_MAX_S = 0.25  # a disk or a CPU that was busy for a moment must not stop the copy


class PacedVfs(apsw.VFS):
    """Passes operations on to the default VFS, and paces writes.

    Args:
        name: the VFS name, in connection strings and file URIs.
        sleep: is called with each pause, in seconds.
    """

    def __init__(self, name: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.vfs_name = name
        self._sleep = sleep
        super().__init__(name, "")

    def xOpen(  # noqa: N802 - SQLite's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        """Open a file whose writes are paced."""
        return _PacedFile(self._sleep, name, flags)


class _PacedFile(apsw.VFSFile):
    def __init__(
        self,
        sleep: Callable[[float], None],
        name: str | apsw.URIFilename | None,
        flags: list[int],
    ) -> None:
        self._sleep = sleep
        self._unsynced_bytes = 0
        self._began_at = time.monotonic()
        super().__init__("", name, flags)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - SQLite's name
        if not self._unsynced_bytes:
            self._began_at = time.monotonic()
        super().xWrite(data, offset)
        self._unsynced_bytes += len(data)
        if self._unsynced_bytes >= PIECE_BYTES:
            self._unsynced_bytes = 0
            self.xSync(apsw.SQLITE_SYNC_NORMAL | apsw.SQLITE_SYNC_DATAONLY)
            took_s = time.monotonic() - self._began_at
            self._sleep(min(took_s * _PAUSE_FACTOR, _PAUSE_MAX_S))
