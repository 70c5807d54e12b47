"""TC101, TC102 and TC103: several implementations of one manager, across the whole tree.

It works on collected facts. Not duplicates are: an interface and its implementations,
implementations of one interface, a class and its subclasses, a synchronous and an asynchronous
twin, and anything in tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from .facts import ROLES, ClassFact, ModuleFacts
from .findings import Finding, Related
from .source import last

_DECORATION = frozenset({
    "Unified", "Default", "Base", "Enhanced", "New", "Old", "Legacy", "Improved", "Modern",
    "Advanced", "Canonical", "Optimized", "Refactored", "Fixed", "Updated", "Extended", "Async",
    "Sync", "Impl", "Implementation",
})  # fmt: skip
_VERSION = re.compile(r"^V?\d+$")
_WORDS = re.compile(r"V\d+|[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+|\d+")
_SAME = {"WS": "WebSocket", "Ws": "WebSocket", "Websocket": "WebSocket", "Conn": "Connection",
         "Mgr": "Manager"}  # fmt: skip
_SOCKETS = re.compile(r"(?:WebSocket|Socket)s?(?:Connections?)?|Connections")
_CONNECTION_METHODS = frozenset({
    "connect", "disconnect", "broadcast", "broadcast_json", "send_to_user", "send_to_all",
    "send_personal_message", "add_connection", "remove_connection", "get_connections",
})  # fmt: skip
_MANY_AT_ONCE = _CONNECTION_METHODS - {"connect", "disconnect"}
_SHARED_MIN = 2
_OVERLAP_MIN = 0.5
_ALIKE_MIN, _ALIKE_METHODS_MIN = 0.8, 3
_PAIRS_MAX = 200_000
_GROUP_MAX = 300


def find_duplicates(facts: Sequence[ModuleFacts]) -> Iterator[Finding]:
    """TC101, TC102 and TC103 over the tree."""
    classes = [found for one in facts for found in one.classes]
    known = {one.name: one for one in classes}
    made = frozenset().union(*(one.role_calls for one in facts)) if facts else frozenset()
    reported: set[tuple[ClassFact, str]] = set()
    for group in _by_promise(classes).values():
        for finding, one in _of_group(group, known, made):
            reported.add((one, finding.code))
            yield finding
    named = {one for one, _ in reported}
    yield from _by_behaviour([one for one in classes if one not in named], known)


def _by_promise(classes: Iterable[ClassFact]) -> dict[str, list[ClassFact]]:
    """Classes by the role in their names, such as a manager's.

    Managers of connections and of WebSockets are one group: they may be the same thing.
    """
    groups: dict[str, list[ClassFact]] = {}
    for one in classes:
        promise = promise_of(one.name)
        if promise and not one.is_interface:
            subject = _SOCKETS.sub("Connection", promise)
            groups.setdefault(subject, []).append(one)
    return groups


def promise_of(name: str) -> str:
    """A class's name without affixes; empty where it names no role, or no subject."""
    words = [_SAME.get(word, word) for word in _WORDS.findall(name.strip("_"))]
    kept = [word for word in words if not _is_decoration(word)]
    if len(kept) < 2 or kept[-1] not in ROLES:
        return ""
    return "".join(kept)


def _is_decoration(word: str) -> bool:
    return word in _DECORATION or bool(_VERSION.match(word))


def _of_group(
    group: list[ClassFact], known: Mapping[str, ClassFact], made: frozenset[str]
) -> Iterator[tuple[Finding, ClassFact]]:
    """All but the first of a group, each paired with the first one that it duplicates."""
    ordered = sorted(group, key=lambda one: (len(one.name), -len(one.methods), one.location))
    del ordered[_GROUP_MAX:]
    for number, one in enumerate(ordered[1:], start=1):
        for first in ordered[:number]:
            if (found := _compare(first, one, known, made)) is not None:
                yield found, one
                break


def _compare(
    first: ClassFact, second: ClassFact, known: Mapping[str, ClassFact], made: frozenset[str]
) -> Finding | None:
    if _is_twin(first, second) or _is_derived(first, second, known, made):
        return None
    if _share_interface(first, second, known):
        return None
    shared = sorted(first.methods & second.methods)
    least = min(len(first.methods), len(second.methods))
    if len(shared) >= _SHARED_MIN and len(shared) >= _OVERLAP_MIN * least:
        message = f"`{second.name}` is a second implementation of `{first.name}`: both have "
        return _finding("TC101", first, second, message + _listed(shared))
    is_near = first.name != second.name or _folder(first) == _folder(second)
    if promise_of(first.name) != promise_of(second.name) or not is_near:
        return None  # two parts of a large program may each have its own manager of that name
    message = f"`{second.name}` promises the same as `{first.name}` of `{first.module}`"
    return _finding("TC102", first, second, message)


def _folder(one: ClassFact) -> str:
    return one.location.path.rpartition("/")[0]


def _finding(code: str, first: ClassFact, second: ClassFact, message: str) -> Finding:
    related = (Related(first.location, f"`{first.name}` is here"),)
    return Finding(code, second.location, message, second.name, related=related)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:4])
    return shown + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _is_twin(first: ClassFact, second: ClassFact) -> bool:
    """Whether one is the asynchronous version of the other."""
    marks = {"Async" in one.name or "async" in last(one.module) for one in (first, second)}
    if len(marks) == 2:
        return True
    shared = first.methods & second.methods
    return bool(shared) and bool(first.awaited & shared) != bool(second.awaited & shared)


def _ancestors(one: ClassFact, known: Mapping[str, ClassFact]) -> set[str]:
    found: set[str] = set()
    waiting = [last(base) for base in one.bases]
    while waiting:
        name = waiting.pop()
        if name and name not in found:
            found.add(name)
            if name in known:
                waiting += [last(base) for base in known[name].bases]
    return found


def _is_derived(
    first: ClassFact, second: ClassFact, known: Mapping[str, ClassFact], made: frozenset[str]
) -> bool:
    """Whether one derives from the other, and the other is not used beside it."""
    for one, other in ((first, second), (second, first)):
        if other.name in _ancestors(one, known):
            both_used = {first.name, second.name} <= made and first.name != second.name
            return not both_used or "Base" in other.name
    return False


def _share_interface(first: ClassFact, second: ClassFact, known: Mapping[str, ClassFact]) -> bool:
    """Whether both implement one base: several implementations are then intended."""
    shared = _ancestors(first, known) & _ancestors(second, known)
    return bool(shared - {"object", "Generic"})


# --- TC103 ------------------------------------------------------------------------------------


def _by_behaviour(
    classes: Sequence[ClassFact], known: Mapping[str, ClassFact]
) -> Iterator[Finding]:
    candidates = sorted(
        (
            one
            for one in classes
            if len(one.methods) >= _ALIKE_METHODS_MIN
            and len(one.methods & _CONNECTION_METHODS) >= 2
            and one.methods & _MANY_AT_ONCE
            and not one.is_interface
        ),
        key=lambda one: one.location,
    )
    done: set[ClassFact] = set()
    for number, (first, second) in enumerate(combinations(candidates, 2)):
        if number >= _PAIRS_MAX:
            return
        if second not in done and _alike(first, second) and _is_pair(first, second, known):
            done.add(second)
            shared = _listed(sorted(first.methods & second.methods))
            message = f"`{second.name}` behaves like `{first.name}`: both have {shared}"
            yield _finding("TC103", first, second, message)


def _alike(first: ClassFact, second: ClassFact) -> bool:
    shared = len(first.methods & second.methods)
    return shared >= _ALIKE_MIN * len(first.methods | second.methods)


def _is_pair(first: ClassFact, second: ClassFact, known: Mapping[str, ClassFact]) -> bool:
    names = {first.name, second.name}
    derived = names & (_ancestors(first, known) | _ancestors(second, known))
    return not (derived or _is_twin(first, second) or _share_interface(first, second, known))
