"""Finds the ids of a request: path parameters, query keys and headers, each with its kind.

Compiled once, so that a request without ids costs next to nothing. Pure: it extracts texts;
`examination` checks them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal
from urllib.parse import unquote_to_bytes

__all__ = ["HEADER_KINDS", "PARAMETER_KINDS", "SEGMENT_KINDS", "Found", "IdLocation", "IdLocations"]

IdLocation = Literal["path", "query", "header"]

PARAMETER_KINDS: Mapping[str, str] = {
    "thread": "thread",
    "thread_id": "thread",
    "run": "run",
    "run_id": "run",
    "request": "request",
    "request_id": "request",
    "connection_id": "ws_conn",
}
"""Path parameters and query keys that carry ids, with the kind of each."""

HEADER_KINDS: Mapping[str, str] = {
    "x-thread-id": "thread",
    "x-run-id": "run",
    "x-request-id": "request",
    "x-connection-id": "ws_conn",
}
"""Headers that carry ids, with the kind of each."""

SEGMENT_KINDS: Mapping[str, str] = {"threads": "thread", "runs": "run", "connections": "ws_conn"}
"""Path segments that an id follows, for applications that do not give their paths."""

_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SEGMENT = "[^/]+"
_LOOKS_LIKE_AN_ID = re.compile(r"(?:thread|run|req|ws)_|.*[_-][0-9a-f]{8}$|[0-9a-f-]{32,36}$")


Found = tuple[IdLocation, str, str, str]
"""A text where an id belongs: location, name, expected kind, text.

A plain tuple, because one is made for each id of each request.
"""

_NOWHERE: Sequence[Found] = ()


@dataclass(frozen=True)
class IdLocations:
    """The parts of a request that carry ids.

    Attributes:
        paths: patterns such as `/v1/threads/{thread_id}/messages`, each for a whole path; a
            parameter is one segment. Parameters without an entry in `parameters` carry no id.
            None: ids are recognised by the segment before them (`segments`) where they look like
            ids at all, so that `/threads/search` is no id.
        parameters: kinds by the name of a path parameter or query key.
        headers: kinds by the name of a header, in lower case.
        segments: kinds by the path segment that stands before an id; used without `paths`.

    Raises:
        ValueError: a pattern does not begin with a slash, or has a brace that is no parameter.
    """

    paths: Iterable[str] | None = None
    parameters: Mapping[str, str] = field(default_factory=lambda: PARAMETER_KINDS)
    headers: Mapping[str, str] = field(default_factory=lambda: HEADER_KINDS)
    segments: Mapping[str, str] = field(default_factory=lambda: SEGMENT_KINDS)

    def path_reader(self) -> Callable[[str], Sequence[Found]]:
        """A function that finds the ids of a path."""
        if self.paths is None:
            return self._by_segments
        return _PathPatterns(self.paths, self.parameters)

    def query_reader(self) -> Callable[[bytes], Sequence[Found]]:
        """A function that finds the ids of a raw query string."""
        return _QueryKeys(self.parameters)

    def _by_segments(self, path: str) -> Sequence[Found]:
        return [
            ("path", name, self.segments[name], text)
            for name, text in pairwise(path.split("/"))
            if name in self.segments and _LOOKS_LIKE_AN_ID.match(text)
        ]


class _PathPatterns:
    """All path patterns with ids as one regular expression, whose groups are the parameters.

    Patterns with a common prefix before their first id share it.
    """

    def __init__(self, patterns: Iterable[str], kinds: Mapping[str, str]) -> None:
        self._groups: list[tuple[str, str]] = []
        self._kinds = kinds
        ends: dict[tuple[str, str], list[tuple[str, ...]]] = {}
        for pieces in map(_pieces, dict.fromkeys(patterns)):
            start, name, *end = self._up_to_an_id(pieces)
            if name:
                ends.setdefault((start, name), []).append(tuple(end))
        alternatives = [self._alternative(*key, end) for key, end in ends.items()]
        self._match = re.compile("|".join(alternatives) or r"(?!)").fullmatch
        self._one_in_each = len(self._groups) == len(ends)

    def __call__(self, path: str) -> Sequence[Found]:
        match = self._match(path)
        if match is None:
            return _NOWHERE
        if self._one_in_each and match.lastindex is not None:
            name, kind = self._groups[match.lastindex - 1]
            return (("path", name, kind, match[match.lastindex]),)
        return [
            ("path", name, kind, text)
            for (name, kind), text in zip(self._groups, match.groups(), strict=True)
            if text is not None
        ]

    def _up_to_an_id(self, pieces: Sequence[str]) -> tuple[str, ...]:
        """The expression before the first id, its name (or nothing), and the pieces after it."""
        start = re.escape(pieces[0])
        for position in range(1, len(pieces), 2):
            if pieces[position] in self._kinds:
                return start, pieces[position], *pieces[position + 1 :]
            start += _SEGMENT + re.escape(pieces[position + 1])
        return start, ""

    def _alternative(self, start: str, name: str, ends: Sequence[tuple[str, ...]]) -> str:
        self._groups.append((name, self._kinds[name]))
        return f"{start}({_SEGMENT})(?:{'|'.join(map(self._end, ends))})"

    def _end(self, pieces: Sequence[str]) -> str:
        """The expression of what comes after the first id; further ids are groups, too."""
        expression = re.escape(pieces[0])
        for name, literal in zip(pieces[1::2], pieces[2::2], strict=True):
            if name in self._kinds:
                self._groups.append((name, self._kinds[name]))
            expression += f"({_SEGMENT})" if name in self._kinds else _SEGMENT
            expression += re.escape(literal)
        return expression


def _pieces(pattern: str) -> list[str]:
    """A pattern's literals and the names of its parameters, by turns.

    Raises:
        ValueError: it does not begin with a slash, or has a brace that is no parameter.
    """
    pieces = _PARAMETER.split(pattern)
    literals = "".join(pieces[::2])
    if not pattern.startswith("/") or "{" in literals or "}" in literals:
        raise ValueError(f"paths: expected a pattern like /threads/{{thread_id}}, got {pattern!r}")
    return pieces


class _QueryKeys:
    """The keys of a query that carry ids; the same key in an escaped spelling, too."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self._kinds = {name.encode(): (name, kind) for name, kind in kinds.items()}
        names = b"|".join(map(re.escape, self._kinds))
        pair = rb"(?:^|&)(" + names + rb")(?:=([^&%+]*))?(?=&|$)" if names else rb"(?!)"
        self._pairs = re.compile(rb"([%+])|" + pair).findall

    def __call__(self, query: bytes) -> Sequence[Found]:
        matches = self._pairs(query)
        if not matches:
            return _NOWHERE
        found: list[Found] = []
        for escape, key, value in matches:
            if escape:
                return self._unescaped(query)
            name, kind = self._kinds[key]
            found.append(("query", name, kind, value.decode("utf-8", "replace")))
        return found

    def _unescaped(self, query: bytes) -> Sequence[Found]:
        pairs = (pair.partition(b"=") for pair in query.split(b"&"))
        plain = ((_plain(key), value) for key, _, value in pairs)
        return [
            ("query", *self._kinds[key], _plain(value).decode("utf-8", "replace"))
            for key, value in plain
            if key in self._kinds
        ]


def _plain(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))
