"""Splits a request body into lines as it arrives, holding at most one line.

Pure: bytes in, lines out. It may not know what a line means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_BLANK_MAX_BYTES = 64


class LineSplitter:
    """Splits chunks of a body at line feeds; empty lines are skipped.

    Args:
        line_max_bytes: a longer line is discarded as it comes, and yielded as None.
    """

    def __init__(self, line_max_bytes: int) -> None:
        self._line_max_bytes = line_max_bytes
        # Skips a run of empty lines in one step.
        blank = rb"(?:[ \t\r\x0b\x0c]{0,%d}+\n)++" % min(line_max_bytes, _BLANK_MAX_BYTES)
        self._blank = re.compile(blank).match
        self._begun = bytearray()
        self._too_long = False

    @property
    def held_bytes(self) -> int:
        """Bytes held of an incomplete line; at most `line_max_bytes`."""
        return len(self._begun)

    def feed(self, piece: bytes) -> Iterator[bytes | None]:
        """The lines that end in this chunk; exhaust it before the next call."""
        start = 0 if self._begun or self._too_long else self._after_blank(piece, 0)
        while (end := piece.find(b"\n", start)) >= 0:
            yield from self._end(piece, start, end)
            start = self._after_blank(piece, end + 1)
        self._hold(piece, start, len(piece))

    def finish(self) -> Iterator[bytes | None]:
        """The last line, if no line feed ended it."""
        yield from self._end(b"", 0, 0)

    def _after_blank(self, piece: bytes, start: int) -> int:
        found = self._blank(piece, start)
        return start if found is None else found.end()

    def _hold(self, piece: bytes, start: int, end: int) -> None:
        if self._too_long or len(self._begun) + end - start > self._line_max_bytes:
            self._too_long = True
            self._begun.clear()
        else:
            self._begun += memoryview(piece)[start:end]

    def _end(self, piece: bytes, start: int, end: int) -> Iterator[bytes | None]:
        self._hold(piece, start, end)
        line = None if self._too_long else bytes(self._begun)
        self._begun.clear()
        self._too_long = False
        if line is None or line.strip():
            yield line
