"""Reads threadcast.toml as a list of keys with values and line numbers.

The standard parser does not report lines, so a scan of the text finds them. Nothing here knows
which keys exist or what they may hold.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ConfigurationError

FILE_MAX_BYTES = 1_048_576

_TOKENS = re.compile(
    r'#[^\n]*|"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.S
)
_KEY = re.compile(r"""[ ]*(\[?)[ ]*["']?([A-Za-z0-9_-]+)["']?[ ]*(?:[=\]]|\.([^=\]]*))""")
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One key of the file.

    Attributes:
        key: as it is written.
        value: as the parser gives it.
        source: `file:line`.
    """

    key: str
    value: object
    source: str


class _KeyLine(NamedTuple):
    """A key or a header at the beginning of a line; `rest` is what a dotted key goes on with."""

    key: str
    rest: str
    line: int


def read_settings_file(path: Path) -> list[FileEntry]:
    """Read the file whole.

    Raises:
        ConfigurationError: it cannot be read, is over 1 MiB, is not UTF-8, has a tab, is not TOML
            or names a key twice; one line with `file:line` that repeats nothing of the file but
            keys.
    """
    text = _text(path)
    lines = _key_lines(text)
    table = _decoded(path, text, lines)
    first: dict[str, int] = {}
    for key, _, line in lines:
        first.setdefault(key, line)
    return [FileEntry(key, value, f"{path}:{first.get(key, 1)}") for key, value in table.items()]


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise ConfigurationError(f"{path}: {reason}; expected a readable file") from None
    if len(data) > FILE_MAX_BYTES:
        raise ConfigurationError(f"{path}: got more than 1 MiB, expected at most 1 MiB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{path}:{line}: got bytes that are not UTF-8, expected UTF-8"
        ) from None
    if "\t" in text:
        line = text.count("\n", 0, text.index("\t")) + 1
        raise ConfigurationError(f"{path}:{line}: got a tab, expected spaces")
    return text


def _decoded(path: Path, text: str, lines: list[_KeyLine]) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
    except RecursionError:
        message = "too deeply nested"
    except ValueError:
        message = "a number or date that does not exist"
    if message.startswith("Cannot "):
        _refuse_repeated(path, lines)
    place = _PLACE.search(message)
    line = place[1] if place and place[1] else text.count("\n") + 1
    reason = _PLACE.sub("", message)
    raise ConfigurationError(f"{path}:{line}: got text that is not TOML ({reason}), expected TOML")


def _refuse_repeated(path: Path, lines: list[_KeyLine]) -> None:
    seen: dict[tuple[str, str], int] = {}
    for key, rest, line in lines:
        if (key, rest) in seen:
            got = f"got it again after line {seen[key, rest]}, expected each key once"
            raise ConfigurationError(f"{path}:{line}: {key}: {got}")
        seen[key, rest] = line


def _key_lines(text: str) -> list[_KeyLine]:
    """The keys and headers at the beginning of lines, those inside long texts left out."""
    without = _TOKENS.sub(lambda found: "\n" * found[0].count("\n") or found[0], text)
    keys: list[_KeyLine] = []
    in_table = False
    for line, content in enumerate(without.split("\n"), 1):
        found = _KEY.match(content)
        if found and (found[1] or not in_table):
            keys.append(_KeyLine(found[2], (found[3] or "").strip(), line))
        in_table = in_table or bool(found and found[1])
    return keys
