"""Process-wide state: containers of a module or class, and cached functions.

Only containers that can grow count, and of a class only those that its instances do not replace.
Rules judge how they are used.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from .id_uses import name_of
from .source import FUNCTIONS, Function, Source, last

_CONTAINERS = frozenset({
    "dict", "set", "list", "defaultdict", "OrderedDict", "deque", "Counter",
    "WeakValueDictionary", "WeakKeyDictionary", "WeakSet", "LRUCache", "TTLCache", "Cache",
})  # fmt: skip
_CACHES = frozenset({"lru_cache", "cache", "cached", "alru_cache", "memoize"})


def shared_containers(source: Source) -> dict[str, ast.stmt]:
    """The node that creates each container, by name; in a class, with the class as prefix."""
    found = dict(_containers(source.tree.body))
    for owner in source.nodes(ast.ClassDef):
        for name, node in _containers(owner.body, plain=not owner.bases):
            if not _is_own(owner, name):
                found[f"{owner.name}.{name}"] = node
    return found


def shared_name(source: Source, node: ast.AST, container: ast.expr, among: Collection[str]) -> str:
    """The name in `shared_containers` of the container used at a node; empty for others.

    Args:
        source, node: where it is used.
        container: the expression that refers to it.
        among: the names of all shared containers.
    """
    match container:
        case ast.Name(id=name):
            return name if name in among and not _is_local(source, node, name) else ""
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            if owner in ("self", "cls"):
                around = (one for one in source.above(node) if isinstance(one, ast.ClassDef))
                owner = next((one.name for one in around), owner)
            return full if (full := f"{owner}.{name}") in among else ""
    return ""


def parameters(function: Function) -> list[ast.arg]:
    """The positional and keyword parameters of a function."""
    arguments = function.args
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]


def is_cache(source: Source, decorator: ast.expr) -> bool:
    """Whether a decorator caches a function's results for the life of the process."""
    called = isinstance(decorator, ast.Call)
    dotted = source.dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
    has_ttl = isinstance(decorator, ast.Call) and any(
        keyword.arg in ("ttl", "expire", "maxage", "timeout", "cache")
        for keyword in decorator.keywords
    )
    known = dotted in ("cache", "lru_cache", "functools.cache", "functools.lru_cache")
    return (known or (called and last(dotted) in _CACHES - {"cached"})) and not has_ttl


def _containers(body: list[ast.stmt], *, plain: bool = True) -> Iterator[tuple[str, ast.stmt]]:
    """The names assigned an empty container that can grow; `plain`: annotated ones, too."""
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
    """Whether each instance gets its own, or the name is only a field of a record."""
    if owner.decorator_list or any(isinstance(one, ast.Call) for one in owner.bases):
        return True
    return any(
        isinstance(one, ast.Attribute)
        and one.attr == name
        and isinstance(one.ctx, ast.Store)
        and name_of(one.value) == "self"
        for one in ast.walk(owner)
    )


def _is_local(source: Source, node: ast.AST, name: str) -> bool:
    """Whether the name is local to a function around the node."""
    for function in source.above(node):
        if isinstance(function, FUNCTIONS) and name in _locals(function):
            return True
    return False


def _locals(function: Function) -> set[str]:
    names = {one.arg for one in parameters(function)}
    shared: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Global):
            shared |= set(node.names)
    return names - shared
