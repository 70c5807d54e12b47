"""Bytes that come after our side has ended are counted and discarded.

Pure: it counts; the connection aborts.
"""

from __future__ import annotations

_DISCARD_MAX_BYTES = 1_048_576
REST_OF_BODY_MAX_BYTES = 268_435_456


class Discard:
    """Counts what a client still sends to a connection that has ended.

    Args:
        max_bytes: how much is discarded in total.
    """

    __slots__ = ("_bytes", "_max_bytes")

    def __init__(self, max_bytes: int = _DISCARD_MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0

    def exceeded(self, data: bytes) -> bool:
        """Discard `data`; True once more was discarded than there may be."""
        self._bytes += len(data)
        return self._bytes > self._max_bytes
