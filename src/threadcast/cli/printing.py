"""Formats text for a terminal: control characters escaped, and fitted to the width."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Sequence

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")
_COLUMNS_MIN = 10


def printable(text: str, *, keep: str = "") -> str:
    """The text with control, direction and surrogate characters escaped.

    Args:
        text: anything, from anybody.
        keep: characters to leave as they are, such as a line break.
    """
    return "".join(_escaped(character, keep) for character in text)


def width_columns() -> int | None:
    """The terminal's width in columns; None where nothing limits a line (a pipe, a file)."""
    limited = "COLUMNS" in os.environ or (sys.stdout is not None and sys.stdout.isatty())
    return max(_COLUMNS_MIN, shutil.get_terminal_size().columns) if limited else None


def table(rows: Sequence[Sequence[str]], width: int | None) -> str:
    """Rows in aligned columns; stacked, one value per line, where they do not fit.

    Args:
        rows: the first is the heading; each has the same number of texts.
        width: columns that a line may take, at least 10; None: any.
    """
    safe = [[printable(text) for text in row] for row in rows]
    widths = [max(len(row[column]) for row in safe) for column in range(len(safe[0]))]
    if width is None or sum(widths) + 2 * (len(widths) - 1) <= width:
        return "\n".join(_aligned(row, widths) for row in safe)
    return "\n".join(_stacked(row, width) for row in safe[1:])


def _escaped(character: str, keep: str) -> str:
    if unicodedata.category(character) not in _UNSAFE or character in _JOINERS or character in keep:
        return character
    return character.encode("unicode_escape").decode("ascii")


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
    return "  ".join(cells).rstrip()


def _stacked(row: Sequence[str], width: int) -> str:
    first, *rest = row
    lines = textwrap.wrap(first, width)
    for text in rest:
        lines += textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")
    return "\n".join(lines)
