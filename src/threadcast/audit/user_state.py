"""TC601 and TC602: module or class state that grows per user, and functions cached per user.

Only containers that functions write to by such a key count, not tables that are only read, context
variables, bounded caches, or entries that wait for the answer to a request.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from .configuration import AuditSettings
from .findings import Finding, Related
from .id_uses import name_of
from .shared_state import is_cache, parameters, shared_containers, shared_name
from .source import Source

_OWNER = re.compile(
    r"(?:^|_)(?:websocket|ws|conn|connection|sid)$"
    r"|(?:^|_)(?:user|thread|session|connection|conn|client|run|conversation|chat"
    r"|tenant)_?(?:id|key)$"
)
_OWNER_ID = re.compile(
    r"(?:^|_)(?:user|thread|session|connection|conn|client|run|conversation|chat|tenant"
    r"|channel|room)_?(?:id|uid|key)$|^(?:uid|sid|user|username|session|websocket)$"
)
_API_CLIENT = "client_key"  # arguments that a client of a service was created with
_OS_THREAD = frozenset({"thread", "thread_id"})  # of the operating system, where threading is used
_GROWERS = frozenset({"setdefault", "add", "append", "appendleft"})


class _Write(NamedTuple):
    """A function puts something into a container by a key."""

    node: ast.expr
    key: str


def find_user_state(source: Source, _settings: AuditSettings) -> Iterator[Finding]:
    """TC601 and TC602 in one file."""
    containers = shared_containers(source)
    writes = _writes(source, containers) if containers else {}
    for name, node in containers.items():
        yield from _state(source, name, node, writes.get(name, []))
    yield from _cached(source)


def _state(source: Source, name: str, node: ast.stmt, writes: list[_Write]) -> Iterator[Finding]:
    if writes and not _has_bound(source, name):
        first = writes[0]
        owner, _, field = name.rpartition(".")
        where = f"class `{owner}`" if owner else "module"
        message = f"`{field}` is state of the {where} that functions fill by `{first.key}`"
        related = (Related(source.location(first.node), f"filled by `{first.key}` here"),)
        yield source.finding("TC601", node, message, related=related)


def _has_bound(source: Source, name: str) -> bool:
    """Whether the oldest entries are evicted somewhere."""
    return f"{name.rpartition('.')[2]}.popitem(" in source.text


def _writes(source: Source, among: Collection[str]) -> dict[str, list[_Write]]:
    """Functions' writes to module or class containers by an owner's id."""
    found: dict[str, list[_Write]] = {}
    for subscript in source.nodes(ast.Subscript):
        if isinstance(subscript.ctx, ast.Store):
            _note(source, found, among, subscript.value, subscript.slice, subscript, _OWNER_ID)
    for call in source.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in _GROWERS and call.args:
            wanted = _OWNER_ID if call.func.attr == "setdefault" else _OWNER
            _note(source, found, among, call.func.value, call.args[0], call, wanted)
    return found


def _note(
    source: Source,
    found: dict[str, list[_Write]],
    among: Collection[str],
    container: ast.expr,
    key: ast.expr,
    node: ast.expr,
    wanted: re.Pattern[str],
) -> None:
    keys = key.elts if isinstance(key, ast.Tuple) else [key]
    named = next((name for one in keys if wanted.search(name := _key_name(one))), "")
    is_thread = named in _OS_THREAD and "threading" in source.text
    if not named or named == _API_CLIENT or is_thread or source.function(node) is None:
        return
    if name := shared_name(source, node, container, among):
        found.setdefault(name, []).append(_Write(node, named))


def _key_name(node: ast.expr) -> str:
    if isinstance(node, ast.Constant | ast.Subscript):
        return ""
    if isinstance(node, ast.JoinedStr):
        parts = [one.value for one in node.values if isinstance(one, ast.FormattedValue)]
        return next((name for one in parts if _OWNER_ID.search(name := name_of(one))), "")
    name = name_of(node)
    if isinstance(node, ast.Attribute) and name == "id":
        return f"{name_of(node.value)}_id"
    return name.lower()


# --- TC602 ------------------------------------------------------------------------------------


def _cached(source: Source) -> Iterator[Finding]:
    for function in source.functions():
        cache = next((one for one in function.decorator_list if is_cache(source, one)), None)
        if cache is None:
            continue
        names = [one.arg for one in parameters(function)]
        if by := next((name for name in names if _OWNER_ID.search(name)), None):
            message = f"`{function.name}` is cached for the life of the process by `{by}`"
            yield source.finding("TC602", cache, message)
