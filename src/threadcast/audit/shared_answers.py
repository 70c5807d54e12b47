"""TC603: an answer for one user, cached where other users can get it.

Either a function that knows its user reads module or class state by a key without the user, and
fills it with a value that depends on the user; or a function is cached by arguments that do not
include the user it asks for. Each function is analysed by itself. A key that may hold the user (it
came in as a key, or is the id of a thing that one user owns) is not reported.
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
from .source import FUNCTIONS, Function, Source, own_nodes
from .user_flow import OWNED, USER, Flow, flow_of

_READS = frozenset({"get", "pop"})
_WRITES = frozenset({"set", "put"})
# If a function takes one of these as well, its user is an account of another service.
_SERVICE = re.compile(r"password|passwd|^host|hostname$|^port$")
_ASKS_FOR_USER = re.compile(r"(?:^|_)(?:get_)?current_user(?:_id|name)?$")


class _Memory(NamedTuple):
    """A use of shared state by a key; `value` is None for a read."""

    name: str
    key: ast.expr
    value: ast.expr | None
    node: ast.expr


def find_shared_answers(source: Source, _settings: AuditSettings) -> Iterator[Finding]:
    """TC603 in one file."""
    containers = shared_containers(source)
    for function in source.functions():
        if containers:
            yield from _remembered(source, function, containers)
        yield from _cached(source, function)


# --- filled by hand ---------------------------------------------------------------------------


def _remembered(
    source: Source, function: Function, containers: dict[str, ast.stmt]
) -> Iterator[Finding]:
    uses = list(_Uses(source, function, containers))
    if not any(one.value for one in uses) or any(
        _SERVICE.search(one.arg) for one in parameters(function)
    ):
        return
    users, owned = flow_of(function, USER), flow_of(function, OWNED)
    for one in uses:
        if (
            one.value is not None
            and users.has(one.value)
            and not owned.has(one.key)
            and _is_looked_up(one, uses)
            and not _is_compared(function, users)
        ):
            key = ast.unparse(one.key)
            message = f"`{one.name}` remembers what is for one user under `{key}`, for everybody"
            declared = Related(source.location(containers[one.name]), f"`{one.name}` is shared")
            yield source.finding("TC603", one.node, message, related=(declared,))


class _Uses:
    """A function's reads and writes of shared containers, with their keys."""

    def __init__(self, source: Source, function: Function, among: Collection[str]) -> None:
        self._source = source
        self._function = function
        self._among = among

    def __iter__(self) -> Iterator[_Memory]:
        for node in own_nodes(self._function):
            match node:
                case ast.Assign(targets=[*targets], value=value):
                    for one in targets:
                        if isinstance(one, ast.Subscript):
                            yield from self._use(one.value, one.slice, value, one)
                case ast.Subscript(value=owner, slice=key, ctx=ast.Load()):
                    yield from self._use(owner, key, None, node)
                case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[owner]):
                    yield from self._use(owner, key, None, node)
                case ast.Call(func=ast.Attribute(value=owner, attr=method), args=[key, *rest]):
                    yield from self._call(owner, method, key, rest, node)

    def _call(
        self, owner: ast.expr, method: str, key: ast.expr, rest: list[ast.expr], node: ast.expr
    ) -> Iterator[_Memory]:
        if method in _READS or method == "setdefault":
            yield from self._use(owner, key, None, node)
        if (method in _WRITES or method == "setdefault") and rest:
            yield from self._use(owner, key, rest[0], node)

    def _use(
        self, owner: ast.expr, key: ast.expr, value: ast.expr | None, node: ast.expr
    ) -> Iterator[_Memory]:
        if name := shared_name(self._source, node, owner, self._among):
            yield _Memory(name, key, value, node)


def _is_looked_up(written: _Memory, uses: list[_Memory]) -> bool:
    """Whether the same function also reads this entry: then it is a cache, not a registry."""
    key = ast.dump(written.key)
    return any(
        one.value is None and one.name == written.name and ast.dump(one.key) == key for one in uses
    )


def _is_compared(function: Function, users: Flow) -> bool:
    """Whether the owner of a cached entry is checked."""
    return any(
        isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.Eq | ast.NotEq)
        and users.has(node.left)
        and users.has(node.comparators[0])
        for node in own_nodes(function)
    )


# --- cached by a decorator --------------------------------------------------------------------


def _cached(source: Source, function: Function) -> Iterator[Finding]:
    """A cached function that asks for its user; methods and inner functions are left out."""
    cache = next((one for one in function.decorator_list if is_cache(source, one)), None)
    names = [one.arg for one in parameters(function)]
    is_inner = isinstance(source.function(function), FUNCTIONS)
    if cache is None or is_inner or any(OWNED.search(one) or one == "self" for one in names):
        return
    if asked := next(_asked(function, frozenset(names)), None):
        message = f"`{function.name}` is cached for everybody and asks for the user, `{asked}`"
        yield source.finding("TC603", cache, message)


def _asked(function: Function, names: frozenset[str]) -> Iterator[str]:
    """How the body asks for the current user."""
    for node in own_nodes(function):
        match node:
            case ast.Call(func=called, args=[], keywords=[]) if _ASKS_FOR_USER.search(
                name_of(called)
            ):
                yield ast.unparse(node)
            case ast.Call(func=ast.Attribute(value=variable, attr="get"), args=[]) if (
                _variable_of_user(variable, names)
            ):
                yield ast.unparse(node)
            case ast.Attribute(value=ast.Name(id="g" | "request"), attr=name) if USER.search(name):
                yield ast.unparse(node)


def _variable_of_user(node: ast.expr, names: frozenset[str]) -> bool:
    """Whether it is a context variable of a user, judged by its name."""
    if not isinstance(node, ast.Name) or node.id in names:
        return False
    return bool(USER.search(re.sub(r"_(?:var|ctx|context)$", "", node.id.lower().strip("_"))))
