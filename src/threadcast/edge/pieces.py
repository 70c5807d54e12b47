"""Cuts what a client sends into pieces, none of which holds bytes of two requests.

So the parser never sees a request before the one in front of it was answered. Pure: it cuts; the
connection decides when to take the next piece. Behind a chunked body it cannot cut, because only
the parser knows where such a body ends.
"""

from __future__ import annotations

from .handshake import HeaderList, header_values

_HEAD_END = b"\r\n\r\n"
_HEAD_PIECE_BYTES = 1_024


class Pieces:
    """What a client sent and the parser has not seen yet. Bounded by its owner, who stops reading.

    Attributes:
        in_head: whether the next byte belongs to a request's headers, or to none; else to a body.
    """

    __slots__ = ("_body_bytes", "_bytes", "_position", "_tail", "in_head")

    def __init__(self) -> None:
        self.in_head = True
        self._bytes = b""
        self._position = 0
        self._tail = b""
        self._body_bytes: int | None = None

    def __bool__(self) -> bool:
        return self._position < len(self._bytes)

    def put(self, data: bytes) -> None:
        """Add what came."""
        self._bytes = self._bytes[self._position :] + data
        self._position = 0

    def take(self) -> bytes:
        """The next piece; empty if nothing waits."""
        start = self._position
        self._position = min(len(self._bytes), start + self._length())
        piece = self._bytes[start : self._position]
        self._tail = (self._tail + piece)[-3:]
        return piece

    def take_all(self) -> bytes:
        """Everything that waits."""
        rest = self._bytes[self._position :]
        self._bytes, self._position = b"", 0
        return rest

    def begin_head(self) -> None:
        """The request is complete."""
        self.in_head = True

    def begin_body(self, headers: HeaderList) -> None:
        """The headers are complete, and valid."""
        self.in_head = False
        lengths = header_values(headers, b"content-length")
        self._body_bytes = int(lengths[0]) if lengths else None

    def passed(self, body: bytes) -> None:
        """The parser has passed these bytes of the body."""
        if self._body_bytes is not None:
            self._body_bytes -= len(body)

    def _length(self) -> int:
        """How long the next piece may be."""
        if not self.in_head:
            return len(self._bytes) if self._body_bytes is None else self._body_bytes
        window = self._tail + self._bytes[self._position : self._position + _HEAD_PIECE_BYTES]
        end = window.find(_HEAD_END)
        return _HEAD_PIECE_BYTES if end < 0 else end + len(_HEAD_END) - len(self._tail)
