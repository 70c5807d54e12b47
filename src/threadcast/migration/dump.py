"""Reads an older system's dump: JSON Lines, or CSV with a header.

It reads one row at a time. An unusable row becomes a `Refused` with the reason, and reading
continues; only a file that is no such dump at all is an error. This module may not know stores.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from .lines import ROW_MAX_BYTES, BoundedLines, RowTooLong, TextLines

__all__ = [
    "DumpFormat",
    "DumpedMessage",
    "DumpedThread",
    "Refused",
    "Row",
    "UnusableDump",
    "read_dump",
]

DumpFormat = Literal["csv", "jsonl"]

_COLUMNS = ("thread_id", "user_id", "title", "created_at", "messages")
_NEEDED = ("thread_id", "user_id")
_HEADER = "expected a header that names thread_id and user_id"
_NOT_UTF8 = "expected UTF-8, got other bytes"
_Time = float | str | None


class DumpedMessage(msgspec.Struct, frozen=True):
    """A message as the dump has it."""

    role: str
    content: str
    created_at: _Time = None


class DumpedThread(msgspec.Struct, frozen=True):
    """A thread as the dump has it; numbers serve as ids too."""

    thread_id: str | int
    user_id: str | int
    title: str | None = None
    created_at: _Time = None
    messages: list[DumpedMessage] | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be used.

    Attributes:
        reason: what was expected and what came.
        user_id, legacy_id: where they could be read.
    """

    reason: str
    user_id: str | None = None
    legacy_id: str | None = None


Row = tuple[int, DumpedThread | Refused]


class UnusableDump(ValueError):
    """The file is not a readable dump."""


_decode_thread = msgspec.json.Decoder(DumpedThread).decode
_decode_messages = msgspec.json.Decoder(list[DumpedMessage]).decode


def read_dump(lines: BoundedLines, kind: DumpFormat) -> Iterator[Row]:
    """The rows of a dump with the numbers of the lines where they begin.

    Args:
        lines: of the file, from its beginning.
        kind: `jsonl`: one object a line, empty lines between them allowed; `csv`: a header, then
            rows, `messages` as JSON in its cell.

    Raises:
        UnusableDump: the CSV header is not one.
        OSError: the file cannot be read.
    """
    return _json_rows(lines) if kind == "jsonl" else _csv_rows(lines)


def _json_rows(lines: BoundedLines) -> Iterator[Row]:
    while True:
        number = lines.begin_row()
        try:
            line = next(lines)
            if line.strip():
                yield number, _decode_thread(line)
        except StopIteration:
            return
        except UnicodeDecodeError:
            yield number, Refused(_NOT_UTF8)
        except RecursionError:
            yield number, Refused("expected JSON that is not nested so deeply")
        except ValueError as error:
            yield number, Refused(_plain(error))


def _plain(error: ValueError) -> str:
    """The decoder's message, without its notation for the place."""
    text = str(error).replace("`", "").replace(" - at $.", " at ")
    return text if text.startswith("JSON") else text[:1].lower() + text[1:]


def _csv_rows(lines: BoundedLines) -> Iterator[Row]:
    csv.field_size_limit(ROW_MAX_BYTES)
    reader = csv.reader(TextLines(lines), strict=True)
    places = _header(reader)
    width = max(places.values()) + 1
    while True:
        number = lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, RowTooLong) as error:
            # An unclosed quote swallows other rows: say how far it reaches.
            more = (
                f", in a row that goes on to line {lines.number}" if lines.number > number else ""
            )
            yield number, Refused(f"CSV: {error}{more}")
            continue
        if cells:
            yield number, _csv_thread(cells, places, width)


def _header(reader: Any) -> dict[str, int]:
    """Which column has which field."""
    try:
        names = [name.strip() for name in next(reader)]
    except StopIteration:
        raise UnusableDump(f"{_HEADER}, got an empty file") from None
    except (csv.Error, RowTooLong) as error:
        raise UnusableDump(f"{_HEADER}, got none: {error}") from None
    places = {name: names.index(name) for name in _COLUMNS if name in names}
    missing = [name for name in _NEEDED if name not in places]
    if missing:
        raise UnusableDump(f"{_HEADER}, got none for {' and '.join(missing)}")
    twice = [name for name in places if names.count(name) > 1]
    if twice:
        raise UnusableDump(f"{_HEADER} once each, got {twice[0]} twice")
    return places


def _csv_thread(cells: Sequence[str], places: dict[str, int], width: int) -> DumpedThread | Refused:
    if len(cells) < width:
        return Refused(f"expected at least {width} fields, got {len(cells)}")
    values = {name: cells[place] for name, place in places.items() if cells[place]}
    try:
        "".join(values.values()).encode()
    except UnicodeEncodeError:
        return Refused(_NOT_UTF8)
    missing = [name for name in _NEEDED if name not in values]
    if missing:
        return Refused(f"{missing[0]}: expected text, got nothing")
    named = Refused("", values["user_id"], values["thread_id"])
    try:
        messages = _decode_messages(values["messages"]) if "messages" in values else None
    except (ValueError, RecursionError) as error:
        reason = f"messages: {_plain(error)}" if isinstance(error, ValueError) else "too deep"
        return Refused(reason, named.user_id, named.legacy_id)
    return DumpedThread(
        values["thread_id"],
        values["user_id"],
        values.get("title"),
        _number_or_text(values.get("created_at")),
        messages,
    )


def _number_or_text(cell: str | None) -> _Time:
    """A cell with a time: a number where it is one."""
    if cell is None or not cell.isascii() or not cell.replace(".", "", 1).isdigit():
        return cell
    return float(cell)
