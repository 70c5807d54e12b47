"""Bytes that come after our side has ended are counted and discarded.

Pure: it counts; the connection aborts.
"""

from __future__ import annotations

_DISCARD_MAX_BYTES = 1_048_576


class Discard:
    """Counts what a client still sends to a connection that has ended."""

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        self._bytes = 0

    def exceeded(self, data: bytes) -> bool:
        """Discard `data`; True once more than 1 MiB was discarded in total."""
        self._bytes += len(data)
        return self._bytes > _DISCARD_MAX_BYTES
