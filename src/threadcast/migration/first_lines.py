"""Remembers the first line of each thread in a dump, so that duplicates are reported.

It uses a temporary file, so that memory stays flat however long the dump is. This module knows
neither rows nor stores.
"""

from __future__ import annotations

import hashlib
from types import TracebackType

import apsw

_DIGEST_BYTES = 16
_MAKE = (
    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
    " CREATE TABLE seen (key BLOB PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID; BEGIN"
)
_FIND = "SELECT line FROM seen WHERE key = ?"
_KEEP = "INSERT INTO seen (key, line) VALUES (?, ?)"


class FirstLines:
    """The lines of the threads of one dump; used as a context manager."""

    def __init__(self) -> None:
        self._connection = apsw.Connection("")
        self._connection.execute(_MAKE).fetchall()  # rows are what makes all of it run

    def __enter__(self) -> FirstLines:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the file."""
        self._connection.close()

    def take(self, user_id: str, thread_id: str, line: int) -> int | None:
        """The line that had this user's thread before; None, and remember this one, if none had."""
        text = f"{len(user_id)}:{user_id}{thread_id}".encode("utf-8", "surrogatepass")
        key = hashlib.blake2b(text, digest_size=_DIGEST_BYTES).digest()
        for (first,) in self._connection.execute(_FIND, (key,)):
            return int(first)
        self._connection.execute(_KEEP, (key, line))
        return None
