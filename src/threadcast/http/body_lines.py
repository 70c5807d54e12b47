"""Cutting a body into lines while it comes, and holding no more of it than one line.

Pure: bytes in, lines out. It may not know what a line says.
"""

from __future__ import annotations

from collections.abc import Iterator


class LineSplitter:
    """Cuts pieces of a body at line feeds; empty lines are left out.

    Args:
        line_max_bytes: a longer line is thrown away as it comes, and stands as None.
    """

    def __init__(self, line_max_bytes: int) -> None:
        self._line_max_bytes = line_max_bytes
        self._begun = bytearray()
        self._too_long = False

    @property
    def held_bytes(self) -> int:
        """How much is held of a line that has not ended; never more than a line may have."""
        return len(self._begun)

    def feed(self, piece: bytes) -> Iterator[bytes | None]:
        """The lines that end in this piece; to be exhausted before the next."""
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            yield from self._end(piece, start, end)
            start = end + 1
        self._hold(piece, start, len(piece))

    def finish(self) -> Iterator[bytes | None]:
        """The last line, when no line feed came behind it."""
        yield from self._end(b"", 0, 0)

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
