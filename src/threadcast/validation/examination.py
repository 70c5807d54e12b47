"""Checks that each id in a request is valid, of the right kind, and not repeated.

Pure. A violation describes what was expected and what came from closed sets of words; it repeats
the client's text only masked, and only if the text is an id, so that neither a secret nor a user id
gets into a log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from ..correlation import REQUEST_ID_HEADER, brought_request_id
from ..ids import UnifiedIdGenerator, id_kind
from ..ids.legacy import legacy_kind, masked_legacy
from .id_locations import Found, IdLocation, IdLocations

__all__ = [
    "VIOLATIONS_MAX",
    "Examination",
    "IdExaminer",
    "LegacyKindOf",
    "Violation",
    "ViolationKind",
]

VIOLATIONS_MAX = 8
"""The most violations reported for one request; further ones are not looked for."""

ViolationKind = Literal["malformed", "wrong_kind", "repeated", "legacy"]
"""`legacy`: an older system's id, which may be an alias."""

LegacyKindOf = Callable[[str], str | None]

_KINDS_WITH_A_NAME = frozenset(
    {"thread", "run", "request", "ws_conn", "feed", "input", "tool", "node", "token"}
)
_SPOT = itemgetter(0, 1)
_REQUEST_ID = REQUEST_ID_HEADER.decode()


class Violation(NamedTuple):
    """One violation.

    Attributes:
        kind, location: for counting; from closed sets.
        name: of the parameter, query key or header.
        reason: one sentence without any text from the client.
        shown: the masked text, or a description of it.
    """

    kind: ViolationKind
    location: IdLocation
    name: str
    reason: str
    shown: str


class Examination(NamedTuple):
    """The result for one request.

    Attributes:
        request_id: the valid one in `X-Request-ID`, or None.
        violations: at most `VIOLATIONS_MAX`.
    """

    request_id: str | None
    violations: tuple[Violation, ...]


class IdExaminer:
    """Examines requests.

    Args:
        locations: where ids are.
        legacy_kind_of: names the shape of an older system's id; None if it is none.
    """

    def __init__(self, locations: IdLocations, legacy_kind_of: LegacyKindOf = legacy_kind) -> None:
        self._legacy_kind_of = legacy_kind_of
        self._in_path = locations.path_reader()
        self._in_query = locations.query_reader()
        self._headers = {
            name.lower().encode("latin-1"): (name.lower(), kind)
            for name, kind in locations.headers.items()
        }
        self._judges_request_id = (_REQUEST_ID, "request") in self._headers.values()

    def examine(self, scope: Mapping[str, Any]) -> Examination:
        """Examine an ASGI scope of type `http` or `websocket`. Total: no request makes it raise."""
        found: list[Found] = []
        request_id: str | None = None
        for raw_name, value in scope["headers"]:
            if raw_name in self._headers:
                name, kind = self._headers[raw_name]
                text = value.decode("latin-1")
                found.append(("header", name, kind, text))
                if name == _REQUEST_ID:
                    request_id = text
        path: str = scope["path"]
        root: str = scope.get("root_path", "")
        found += self._in_path(path.removeprefix(root) if root else path)
        if query := scope.get("query_string"):
            found += self._in_query(query)
        is_right = not found or _all_right(found)
        if not (is_right and self._judges_request_id):
            request_id = brought_request_id(scope["headers"])
        if is_right:
            return Examination(request_id, ()) if request_id else _NOTHING
        return Examination(request_id, _violations(found, self._legacy_kind_of))


_NOTHING = Examination(None, ())


def _all_right(found: Sequence[Found]) -> bool:
    """Whether there is no violation, the fast path of nearly every request."""
    is_valid = UnifiedIdGenerator.is_valid_id
    for _, _, kind, text in found:
        if not is_valid(text, kind):
            return False
    return len(found) == 1 or len(set(map(_SPOT, found))) == len(found)


def _violations(found: Sequence[Found], legacy_kind_of: LegacyKindOf) -> tuple[Violation, ...]:
    violations = []
    seen: set[tuple[IdLocation, str]] = set()
    for one in found:
        location, name, kind, text = one
        if (location, name) in seen:
            violations.append(_told("repeated", one, "several", "several"))
        elif not UnifiedIdGenerator.is_valid_id(text, kind):
            violations.append(_violation(one, legacy_kind_of))
        if len(violations) == VIOLATIONS_MAX:
            break
        seen.add((location, name))
    return tuple(violations)


def _violation(one: Found, legacy_kind_of: LegacyKindOf) -> Violation:
    text = one[3]
    came = id_kind(text)
    if came is not None:
        named = f"a {came} id" if came in _KINDS_WITH_A_NAME else "an id of another kind"
        return _told("wrong_kind", one, named, text)
    older = legacy_kind_of(text)
    if older is not None:
        return _told("legacy", one, f"a legacy id ({older})", masked_legacy(text, older))
    size = f"a text of {len(text)} characters that is no id"
    return _told("malformed", one, size, size)


def _told(kind: ViolationKind, one: Found, came: str, shown: str) -> Violation:
    location, name, expected, _ = one
    one_of = "one" if kind == "repeated" else "a"
    reason = f"{location} {name}: expected {one_of} {expected} id, got {came}"
    return Violation(kind, location, name, reason, shown)
