"""Whether a statement may raise, so that a handler around it is reachable.

Any call may, except a few that never do in practice and often precede an `accept`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from .id_uses import name_of
from .source import SCOPES, own_nodes

_HEADS = ("test", "iter", "subject", "items")
_SURE_FUNCTIONS = frozenset({
    "print", "len", "str", "repr", "bool", "isinstance", "hasattr", "getattr", "id", "type", "dict",
    "list", "set", "tuple", "time", "monotonic", "perf_counter", "now", "utcnow", "uuid4", "Lock",
    "Event", "Queue", "getLogger", "suppress",
})  # fmt: skip
_SURE_METHODS = frozenset({
    "get", "items", "keys", "values", "append", "add", "discard", "setdefault", "strip", "lower",
    "upper", "split", "startswith", "endswith", "replace", "format", "copy", "isoformat",
})  # fmt: skip
_LOGGER = re.compile(r"^_*(?:log|logger|logging|console)$", re.IGNORECASE)


def own_parts(statement: ast.stmt) -> Sequence[ast.AST]:
    """The nodes of a statement; of a block, only those of its head: what it tests or enters."""
    if isinstance(statement, SCOPES):
        return ()
    heads: list[ast.AST] = [statement]
    if hasattr(statement, "body") or isinstance(statement, ast.Match):
        heads = []
        for part in (getattr(statement, name, None) for name in _HEADS):
            heads += part if isinstance(part, list) else [part] if part is not None else []
    return [one for part in heads for one in (part, *own_nodes(part))]


def may_raise(statement: ast.stmt, parts: Sequence[ast.AST]) -> bool:
    """Whether a statement with these parts awaits, raises or calls."""
    if isinstance(statement, ast.AsyncFor | ast.AsyncWith):
        return True
    return any(
        isinstance(one, ast.Await | ast.Raise) or (isinstance(one, ast.Call) and not _is_sure(one))
        for one in parts
    )


def _is_sure(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Attribute):
        owner = name_of(call.func.value)
        return bool(_LOGGER.match(owner)) or call.func.attr in _SURE_METHODS | _SURE_FUNCTIONS
    return name_of(call.func) in _SURE_FUNCTIONS
