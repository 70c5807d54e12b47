"""The edits that give an event its canonical keys, or why `--fix` makes none.

A key is renamed only where its value surely is what the new name says: an id, a time in seconds, an
object. A finding's keys are renamed all or none, so that no event is left in a mixed shape.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from .findings import Edit
from .id_uses import name_of
from .shared_state import parameters
from .source import FUNCTIONS, Source, last

Keys = Mapping[str, tuple[ast.expr, ast.expr]]
"""The keys of a dict literal, each with its node and its value."""

_ID_TYPES = frozenset({"str", "int", "UUID", "None"})
_OBJECT_TYPES = frozenset({"dict", "Dict", "Mapping", "MutableMapping"})
_NEEDED = {"timestamp": "a time in seconds", "data": "an object"}


def renaming(
    source: Source, keys: Keys, wrong: Mapping[str, str], rivals: frozenset[str]
) -> tuple[tuple[Edit, ...], str]:
    """The edits that rename keys, or no edits and the reason.

    Args:
        source: the file of the event.
        keys: all keys of the event.
        wrong: the canonical name of each key to rename.
        rivals: other keys that could equally be its type.
    """
    if rival := next((one for one in keys if one in rivals), None):
        return (), f"`{rival}` may be its type, too"
    if len(set(wrong.values())) < len(wrong):
        return (), "two keys would become one"
    edits = []
    for old, new in wrong.items():
        key, value = keys[old]
        written = source.line(key.lineno)[source.location(key).column - 1 :][:1]
        if written not in ('"', "'"):
            return (), f"the key `{old}` is not written plainly"
        if not _fits(source, new, value):
            needed = _NEEDED.get(new, "an id and no more")
            return (), f"`{ast.unparse(value)}` is not surely {needed}"
        edits.append(source.edit(key, f"{written}{new}{written}"))
    return tuple(edits), ""


def given_once(source: Source, node: ast.AST, name: str) -> ast.expr | None:
    """The value of a local variable that its function assigns exactly once."""
    function = source.function(node)
    if function is None:
        return None
    given = [
        one
        for one in ast.walk(function)
        if isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Store)
    ]
    match [source.parent(one) for one in given]:
        case [ast.Assign(targets=[ast.Name()], value=value)]:
            return value
        case [ast.AnnAssign(value=ast.expr() as value)]:
            return value
    return None


def _fits(source: Source, new: str, value: ast.expr) -> bool:
    """Whether a value surely is what the canonical key means."""
    match new:
        case "event_type":
            return True
        case "data":
            return _is_object(source, value)
        case "timestamp":
            return _is_seconds(source, value)
    return _is_id(source, new, value)


def _is_object(source: Source, value: ast.expr) -> bool:
    match value:
        case ast.Dict() | ast.DictComp() | ast.Call(func=ast.Name(id="dict")):
            return True
        case ast.Name(id=name):
            if (types := _annotated(source, value, name)) is not None:
                return bool(types) and types <= _OBJECT_TYPES
            once = given_once(source, value, name)
            return once is not None and not isinstance(once, ast.Name) and _is_object(source, once)
    return False


def _is_seconds(source: Source, value: ast.expr) -> bool:
    match value:
        case ast.Call(func=ast.Attribute(attr="timestamp"), args=[], keywords=[]):
            return True
        case ast.Call(func=ast.Name(id="float" | "round"), args=[inner, *rest]):
            is_whole = name_of(value.func) == "round" and not rest
            return not is_whole and _is_seconds(source, inner)
        case ast.Call(func=called):
            return source.dotted(called) == "time.time"
        case ast.Name(id=name):
            if (types := _annotated(source, value, name)) is not None:
                return types == {"float"}
            once = given_once(source, value, name)
            return once is not None and not isinstance(once, ast.Name) and _is_seconds(source, once)
    return False


def _is_id(source: Source, new: str, value: ast.expr) -> bool:
    """Whether a value is named as the id, is an object's `id`, or is a plain parameter."""
    stem = new.removesuffix("_id")
    match value:
        case ast.Call(func=ast.Name(id="str"), args=[inner]):
            return _is_id(source, new, inner)
        case ast.Attribute(value=owner, attr="id"):
            return name_of(owner).lower().split("_")[-1] == stem
        case ast.Name(id=name) if name == stem:
            types = _annotated(source, value, name)
            is_plain = bool(types) and types <= _ID_TYPES if types is not None else False
            return is_plain or (types == set() and not _is_taken_apart(source, value))
    return name_of(value) == new or (new == "user_id" and name_of(value) == "uid")


def _annotated(source: Source, node: ast.AST, name: str) -> set[str] | None:
    """The types of a parameter, empty without an annotation; None if it is no parameter.

    A parameter that is reassigned counts as none.
    """
    function = source.function(node)
    if not isinstance(function, FUNCTIONS):
        return None
    found = next((one for one in parameters(function) if one.arg == name), None)
    if found is None or any(
        isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Store)
        for one in ast.walk(function)
    ):
        return None
    return set() if found.annotation is None else _types(found.annotation)


def _types(annotation: ast.expr) -> set[str]:
    """The names in an annotation, without their type arguments."""
    match annotation:
        case ast.BinOp(left=left, right=right):
            return _types(left) | _types(right)
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _types(inner)
        case ast.Subscript(value=outer):
            return _types(outer)
        case ast.Constant(value=str(text)):
            return {last(one.strip().partition("[")[0]) for one in text.split("|")}
        case ast.Constant(value=None):
            return {"None"}
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return {name}
    return {"?"}


def _is_taken_apart(source: Source, value: ast.Name) -> bool:
    """Whether the function accesses its parts, so that it must be more than an id."""
    function = source.function(value)
    return function is None or any(
        isinstance(one, ast.Attribute | ast.Subscript)
        and isinstance(one.value, ast.Name)
        and one.value.id == value.id
        for one in ast.walk(function)
    )
