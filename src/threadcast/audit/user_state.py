"""TC601 and TC602: state of a module or class that grows by user, and functions cached by user.

Only what functions write to by such a key counts. A table that is read only is none, and nor is a
context variable.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from .configuration import AuditSettings
from .findings import Finding, Related
from .id_uses import name_of
from .source import FUNCTIONS, Function, Source, last

_OWNER = re.compile(
    r"(?:^|_)(?:websocket|ws|conn|connection|sid)$"
    r"|(?:^|_)(?:user|thread|session|connection|conn|client|run|request|conversation|chat"
    r"|tenant)_?(?:id|key)$"
)
_OWNER_ID = re.compile(
    r"(?:^|_)(?:user|thread|session|connection|conn|client|run|request|conversation|chat|tenant"
    r"|channel|room)_?(?:id|uid|key)$|^(?:uid|sid|user|username|session|websocket)$"
)
_OS_THREAD = frozenset({"thread", "thread_id"})  # of the operating system, where threading is used
_CONTAINERS = frozenset({
    "dict", "set", "list", "defaultdict", "OrderedDict", "deque", "Counter",
    "WeakValueDictionary", "WeakKeyDictionary", "WeakSet", "LRUCache", "TTLCache", "Cache",
})  # fmt: skip
_GROWERS = frozenset({"setdefault", "add", "append", "appendleft"})
_CACHES = frozenset({"lru_cache", "cache", "cached", "alru_cache", "memoize"})


class _Write(NamedTuple):
    """A function puts something into a container by a key."""

    node: ast.expr
    key: str


def find_user_state(source: Source, _settings: AuditSettings) -> Iterator[Finding]:
    """TC601 and TC602 in one file."""
    writes = _writes(source)
    for name, node in _containers(source.tree.body):
        yield from _state(source, name, node, writes.get(name, []), "module")
    for owner in source.nodes(ast.ClassDef):
        for name, node in _containers(owner.body, plain=not owner.bases):
            if not _is_own(owner, name):
                found = writes.get(f"{owner.name}.{name}", [])
                yield from _state(source, name, node, found, f"class `{owner.name}`")
    yield from _cached(source)


def _state(
    source: Source, name: str, node: ast.stmt, writes: list[_Write], where: str
) -> Iterator[Finding]:
    if writes:
        first = writes[0]
        message = f"`{name}` is state of the {where} that functions fill by `{first.key}`"
        related = (Related(source.place(first.node), f"filled by `{first.key}` here"),)
        yield source.finding("TC601", node, message, related=related)


def _containers(body: list[ast.stmt], *, plain: bool = True) -> Iterator[tuple[str, ast.stmt]]:
    """The names that are given an empty container that can grow; `plain`: annotated ones, too."""
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if (
                plain or "ClassVar" in ast.unparse(node.annotation)
            ):
                pass
            case _:
                continue
        if _can_grow(value):
            yield name, node


def _can_grow(value: ast.expr) -> bool:
    match value:
        case ast.Dict(keys=[]) | ast.List(elts=[]):
            return True
        case ast.Call(func=function, args=arguments):
            name = function.attr if isinstance(function, ast.Attribute) else name_of(function)
            of_nothing = not arguments or name in ("defaultdict", "TTLCache", "LRUCache", "deque")
            return name in _CONTAINERS and of_nothing
    return False


def _is_own(owner: ast.ClassDef, name: str) -> bool:
    """Whether each instance gets one of its own, or the name is only a field of a record."""
    if owner.decorator_list or any(isinstance(one, ast.Call) for one in owner.bases):
        return True
    return any(
        isinstance(one, ast.Attribute)
        and one.attr == name
        and isinstance(one.ctx, ast.Store)
        and name_of(one.value) == "self"
        for one in ast.walk(owner)
    )


def _writes(source: Source) -> dict[str, list[_Write]]:
    """What functions put by an owner's id into names of the module or of a class."""
    found: dict[str, list[_Write]] = {}
    for subscript in source.nodes(ast.Subscript):
        if isinstance(subscript.ctx, ast.Store):
            _note(source, found, subscript.value, subscript.slice, subscript, _OWNER_ID)
    for call in source.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in _GROWERS and call.args:
            wanted = _OWNER_ID if call.func.attr == "setdefault" else _OWNER
            _note(source, found, call.func.value, call.args[0], call, wanted)
    return found


def _note(
    source: Source,
    found: dict[str, list[_Write]],
    container: ast.expr,
    key: ast.expr,
    node: ast.expr,
    wanted: re.Pattern[str],
) -> None:
    function = source.function(node)
    keys = key.elts if isinstance(key, ast.Tuple) else [key]
    named = next((name for one in keys if wanted.search(name := _key_name(one))), "")
    if function is None or not named or (named in _OS_THREAD and "threading" in source.text):
        return
    match container:
        case ast.Name(id=name) if not _is_local(source, node, name):
            found.setdefault(name, []).append(_Write(node, named))
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            around = next(
                (one for one in source.above(node) if isinstance(one, ast.ClassDef)), None
            )
            if owner in ("self", "cls") and around is not None:
                owner = around.name
            found.setdefault(f"{owner}.{name}", []).append(_Write(node, named))


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


def _is_local(source: Source, node: ast.AST, name: str) -> bool:
    """Whether a function around the node has this name as its own."""
    for function in source.above(node):
        if isinstance(function, FUNCTIONS) and name in _locals(function):
            return True
    return False


def _locals(function: Function) -> set[str]:
    arguments = function.args
    names = {one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    shared: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Global):
            shared |= set(node.names)
    return names - shared


# --- TC602 ------------------------------------------------------------------------------------


def _cached(source: Source) -> Iterator[Finding]:
    for function in source.functions():
        cache = next((one for one in function.decorator_list if _is_cache(source, one)), None)
        if cache is None:
            continue
        arguments = function.args
        names = [
            one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        ]
        if by := next((name for name in names if _OWNER_ID.search(name)), None):
            message = f"`{function.name}` is cached for the life of the process by `{by}`"
            yield source.finding("TC602", cache, message)


def _is_cache(source: Source, decorator: ast.expr) -> bool:
    called = isinstance(decorator, ast.Call)
    dotted = source.dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
    has_ttl = isinstance(decorator, ast.Call) and any(
        keyword.arg in ("ttl", "expire", "maxage", "timeout", "cache")
        for keyword in decorator.keywords
    )
    known = dotted in ("cache", "lru_cache", "functools.cache", "functools.lru_cache")
    return (known or (called and last(dotted) in _CACHES - {"cached"})) and not has_ttl
