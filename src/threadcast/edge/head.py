"""Bounds on the headers and trailers of one request after the other. Pure: it counts and judges."""

from __future__ import annotations

from .limits import EdgeLimits
from .problem import Refusal

_LINE_OVERHEAD_BYTES = 4  # ": " and CRLF


class Head:
    """What came of a request's headers so far; also counts trailers behind a chunked body.

    Args:
        limits: the bounds.

    Attributes:
        line_is_whole: whether the request line is complete, and the headers are not.
    """

    __slots__ = (
        "_bytes",
        "_ends_line",
        "_headers",
        "_limits",
        "_max_bytes",
        "_unparsed_bytes",
        "line_is_whole",
    )

    def __init__(self, limits: EdgeLimits) -> None:
        self.line_is_whole = False
        self._limits = limits
        self._max_bytes = limits.header_max_bytes
        self._bytes = 0
        self._headers = 0
        self._unparsed_bytes = 0
        self._ends_line = False

    def begin(self) -> None:
        """A request begins."""
        self._bytes = self._headers = 0
        self._max_bytes = self._limits.header_max_bytes

    def url(self, url: bytes) -> Refusal | None:
        """The request target, or its first part."""
        self._bytes = len(url)
        limit = self._limits.header_line_max_bytes
        if len(url) > limit:
            return Refusal("uri_too_long", f"At most {limit} bytes were expected.")
        return None

    def header(self, name: bytes, value: bytes) -> Refusal | None:
        """A whole header, or a whole trailer."""
        limits = self._limits
        size = len(name) + len(value) + _LINE_OVERHEAD_BYTES
        self._bytes += size
        self._headers += 1
        if size > limits.header_line_max_bytes:
            return _too_large(limits.header_line_max_bytes)
        if self._bytes > self._max_bytes:
            return _too_large(self._max_bytes)
        if self._headers > limits.headers_max:
            return Refusal("headers_too_large", f"At most {limits.headers_max} headers expected.")
        return None

    def take(self, piece: bytes) -> None:
        """Count bytes that the parser gets next."""
        text = piece if self._unparsed_bytes else piece.lstrip(b"\r\n")
        self._ends_line = b"\n" in text
        self._unparsed_bytes += len(piece)

    def judge(self, *, in_line: bool) -> Refusal | None:
        """The parser has got them; `in_line`: whether the request line has begun."""
        if not self._unparsed_bytes:
            return None
        self.line_is_whole = self.line_is_whole or (in_line and self._ends_line)
        if self._unparsed_bytes > self._limits.header_max_bytes:
            return _too_large(self._limits.header_max_bytes)
        return None

    def take_body(self, piece: bytes) -> None:
        """Count bytes of a body, of the lines between its chunks, or of trailers."""
        self._unparsed_bytes += len(piece)

    def passed(self) -> None:
        """The parser has passed something of that on: part of the body, or a trailer."""
        self._unparsed_bytes = 0

    def judge_body(self) -> Refusal | None:
        """The parser has got the piece: a line behind the headers that does not end is refused."""
        if self._unparsed_bytes > self._limits.trailer_max_bytes:
            return _too_large(self._limits.trailer_max_bytes)
        return None

    def complete(self) -> None:
        """The headers are complete: what comes now are trailers, with a bound of their own."""
        self._bytes = 0
        self._max_bytes = self._limits.trailer_max_bytes
        self._unparsed_bytes = 0
        self.line_is_whole = False


def _too_large(limit_bytes: int) -> Refusal:
    return Refusal("headers_too_large", f"At most {limit_bytes} bytes were expected.")
