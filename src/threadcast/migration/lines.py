"""Reads an untrusted file line by line: bounded, numbered, with the position.

A line that is too long is skipped without being buffered, so that memory stays flat. This module
knows bytes and text, not the meaning of lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

ROW_MAX_BYTES = 8 * 1024 * 1024
"""Longest line, and longest CSV row, that is read."""

_BOM = b"\xef\xbb\xbf"
_SKIP_BYTES = 65_536


class RowTooLong(ValueError):
    """A row has more than `ROW_MAX_BYTES`; the reader is at the next line."""

    def __init__(self) -> None:
        super().__init__(f"expected at most {ROW_MAX_BYTES} bytes, got more")


class BoundedLines:
    """The lines of a binary file, with their ends.

    Args:
        file: is read from where it is; a byte order mark at its beginning is left out.

    Attributes:
        number: of the last line that was read, from 1.
        position_bytes: how far the file is read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._row_bytes = 0
        self.number = 0
        self.position_bytes = 0

    def begin_row(self) -> int:
        """The next line begins a row; its number."""
        self._row_bytes = 0
        return self.number + 1

    def __iter__(self) -> Iterator[bytes]:
        """Itself."""
        return self

    def __next__(self) -> bytes:
        """The next line.

        Raises:
            RowTooLong: the row that it belongs to would be too long; it is passed over.
            OSError: the file cannot be read.
        """
        line = self._file.readline(ROW_MAX_BYTES + 1)
        if not line:
            raise StopIteration
        self.number += 1
        size_bytes = len(line)
        if size_bytes > ROW_MAX_BYTES and not line.endswith(b"\n"):
            size_bytes += self._skip()
        self.position_bytes += size_bytes
        self._row_bytes += size_bytes
        if self._row_bytes > ROW_MAX_BYTES:
            raise RowTooLong
        return line.removeprefix(_BOM) if self.number == 1 else line

    def _skip(self) -> int:
        """Pass over the rest of a line; how many bytes that was."""
        skipped = 0
        while part := self._file.readline(_SKIP_BYTES):
            skipped += len(part)
            if part.endswith(b"\n"):
                break
        return skipped


class TextLines:
    """The same lines as text; bytes that are not UTF-8 become lone surrogates.

    Args:
        lines: what to decode.
    """

    def __init__(self, lines: BoundedLines) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[str]:
        """Itself."""
        return self

    def __next__(self) -> str:
        """The next line; raises as `BoundedLines` does."""
        return next(self._lines).decode("utf-8", "surrogateescape")
