"""Which expressions of a function depend on its user: a taint analysis by names.

An expression depends on a user if it contains a name that denotes one, or a variable assigned from
such an expression. For keys, more names count, so that doubtful cases are not reported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from .source import Function, own_nodes

USER = re.compile(
    r"(?:^|_)(?:user|customer|tenant|member|principal|account)(?:_?(?:id|uid))?$|^uid$"
)
"""Names for the user whom a function works for."""
OWNED = re.compile(
    USER.pattern + r"|(?:^|_)(?:key|token|sid|username|email|owner|hash|digest)$"
    r"|(?:^|_)(?:thread|session|conn|connection|client|run|request|conversation|chat|channel|room"
    r"|job|task|call|execution|flow|cursor|socket|ws|websocket|order|invocation|context|ctx)"
    r"(?:_?(?:id|uid|key))?$"
    r"|(?:^|_)message_?id$|^(?:id|self|cls|args|kwargs)$"
)
"""Names for what may hold the user, or belongs to one."""
_DIGEST = re.compile(r"(?:^|_)(?:key|hash|digest)$")
_ROUNDS_MAX = 4


class Flow(NamedTuple):
    """The dependencies of one function's expressions.

    Attributes:
        names: the pattern of names that count.
        made: variables that depend on such names.
        told: variables whose dependencies are known, whatever their names.
    """

    names: re.Pattern[str]
    made: frozenset[str]
    told: frozenset[str]

    def has(self, node: ast.AST) -> bool:
        """Whether an expression contains such a name, or a variable that depends on one.

        For an attribute, its own name counts, not its object's.
        """
        match node:
            case ast.Name(id=name):
                return name in self.made or (name not in self.told and self._is_named(name))
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                return self._is_named(name) or owner in self.made or _is_user(owner)
            case ast.Attribute(attr=name) if self._is_named(name):
                return True
            case ast.Subscript(slice=ast.Constant(value=str(name))) if self._is_named(name):
                return True
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self" | "cls"))):
                if self.names is OWNED:
                    return True  # a method knows more than its arguments
            case ast.Lambda():
                return False
        return any(map(self.has, ast.iter_child_nodes(node)))

    def _is_named(self, name: str) -> bool:
        return bool(self.names.search(name.lower()))


def flow_of(function: Function, names: re.Pattern[str]) -> Flow:
    """Follow such names through the assignments of a function, for a few steps."""
    pairs = list(_given(function))
    told = frozenset(name for target, _ in pairs for name in target if _DIGEST.search(name))
    flow = Flow(names, frozenset(), told)
    for _ in range(_ROUNDS_MAX):
        more = {name for target, value in pairs if flow.has(value) for name in target}
        if more <= flow.made:
            break
        flow = flow._replace(made=flow.made | more)
    return flow


def _is_user(name: str) -> bool:
    return bool(USER.search(name.lower()))


def _given(function: Function) -> Iterator[tuple[tuple[str, ...], ast.expr]]:
    """Each assignment to variables with its value."""
    for node in own_nodes(function):
        match node:
            case ast.Assign(targets=targets, value=value):
                yield tuple(name for one in targets for name in _names(one)), value
            case (
                ast.AnnAssign(target=target, value=ast.expr() as value)
                | ast.AugAssign(target=target, value=value)
                | ast.NamedExpr(target=target, value=value)
                | ast.For(target=target, iter=value)
                | ast.AsyncFor(target=target, iter=value)
                | ast.comprehension(target=target, iter=value)
                | ast.withitem(optional_vars=ast.expr() as target, context_expr=value)
            ):
                yield tuple(_names(target)), value


def _names(target: ast.expr) -> Iterator[str]:
    """The plain names that an assignment binds."""
    match target:
        case ast.Name(id=name):
            yield name
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for one in parts:
                yield from _names(one)
        case ast.Starred(value=inner):
            yield from _names(inner)
