"""Reads and parses a file; what prevents that becomes a finding, never an exception."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from pathlib import Path

from .findings import Finding, Location
from .source import Source

FILE_MAX_BYTES = 4 * 1024 * 1024


def read_source(file: Path, path: str, module: str) -> Source | Finding:
    """Read and parse a file.

    Args:
        file: where it is.
        path, module: see `Source`.

    Returns:
        The parsed file, or a finding with the reason why not.
    """
    try:
        text = read_text(file)
    except (OSError, ValueError, SyntaxError, LookupError) as error:
        return unreadable(path, _reason(error))
    return parse_source(text, path, module)


def read_text(file: Path) -> str:
    """A file's text as Python decodes it, with its own line ends.

    Raises:
        OSError: it cannot be read.
        ValueError, SyntaxError, LookupError: it is too large, or cannot be decoded.
    """
    with file.open("rb") as opened:
        data = opened.read(FILE_MAX_BYTES + 1)
    if len(data) > FILE_MAX_BYTES:
        raise ValueError(f"larger than {FILE_MAX_BYTES:,} bytes")
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return data.decode(encoding)


def parse_source(text: str, path: str, module: str) -> Source | Finding:
    """Parse a text; a finding if it is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the audited code, such as an invalid escape
            tree = ast.parse(text.removeprefix("\ufeff"))
    except SyntaxError as error:
        return unreadable(path, error.msg, error.lineno or 1, error.offset or 1)
    except (RecursionError, MemoryError):
        return unreadable(path, "nested too deeply")
    except ValueError as error:
        return unreadable(path, _reason(error))
    return Source(path, module, text.removeprefix("\ufeff"), tree)


def unreadable(path: str, reason: str, line: int = 1, column: int = 1) -> Finding:
    """The finding that a file could not be audited."""
    location = Location(path, max(1, line), max(1, column), max(1, line), max(1, column))
    return Finding("TC001", location, f"this file was not audited: {reason}")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or type(error).__name__).lower()
    if isinstance(error, UnicodeDecodeError):
        return f"not in its encoding, {error.encoding} (byte {error.start})"
    return str(error) or type(error).__name__
