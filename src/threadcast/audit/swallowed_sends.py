"""TC503: a failed send to a connection that is silently ignored.

Not reported: a handler that does anything about it (logs, counts, removes the connection, leaves
the loop), and a send just before closing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from .configuration import AuditSettings
from .findings import Finding
from .id_uses import name_of
from .source import Function, Source, last, own_nodes

_SENDS = frozenset({"send", "send_text", "send_bytes", "send_json", "send_str"})
_SOCKET_NAME = re.compile(r"(?:^|_)(?:ws|websocket|socket|sock|conn|connection|client|peer)$")
_BROAD = frozenset({"", "Exception", "BaseException", "RuntimeError"})
_LEAVING = re.compile(
    r"close|refus|shutdown|stop|cleanup|disconnect|error|fail|reject|terminate|kill"
)


def find_swallowed_sends(source: Source, _settings: AuditSettings) -> Iterator[Finding]:
    """TC503 in one file."""
    for node in source.nodes(ast.Try):
        sent = next(_sends(node), None)
        if sent is None or not _delivers(source, node):
            continue
        for handler in node.handlers:
            if _is_broad(source, handler) and all(map(_does_nothing, handler.body)):
                message = f"a failed `{ast.unparse(sent.func)}` is swallowed without a trace"
                yield source.finding("TC503", handler.body[0], message)
    yield from _suppressed(source)


def _suppressed(source: Source) -> Iterator[Finding]:
    for node in source.nodes(ast.With):
        for item in node.items:
            call = item.context_expr
            if not (isinstance(call, ast.Call) and last(source.dotted(call.func)) == "suppress"):
                continue
            caught = {last(source.dotted(one)) for one in call.args}
            sent = next(_sends(node), None)
            if sent is not None and caught & _BROAD and _delivers(source, node):
                message = f"a failed `{ast.unparse(sent.func)}` is swallowed without a trace"
                yield source.finding("TC503", call, message)


def _sends(block: ast.Try | ast.With) -> Iterator[ast.Call]:
    """The awaited sends on an object named as a socket or connection."""
    for statement in block.body:
        for node in (statement, *own_nodes(statement)):
            if isinstance(node, ast.Await) and isinstance(node.value, ast.Call):
                function = node.value.func
                if (
                    isinstance(function, ast.Attribute)
                    and function.attr in _SENDS
                    and _SOCKET_NAME.search(name_of(function.value).lower())
                ):
                    yield node.value


def _delivers(source: Source, node: ast.AST) -> bool:
    """Whether the send delivers data, and is not a last message before the connection closes."""
    function = source.function(node)
    if function is None or isinstance(function, ast.Lambda) or _LEAVING.search(function.name):
        return False
    in_handler = any(isinstance(one, ast.ExceptHandler) for one in source.above(node))
    return not in_handler and not _closes(function, node)


def _closes(function: Function, node: ast.AST) -> bool:
    """Whether the connection is closed in the same function, after the send."""
    line = getattr(node, "lineno", 0)
    return any(
        isinstance(one, ast.Call)
        and isinstance(one.func, ast.Attribute)
        and one.func.attr == "close"
        and one.lineno >= line
        for one in own_nodes(function)
    )


def _is_broad(source: Source, handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any((last(source.dotted(one)) if one else "") in _BROAD for one in caught)


def _does_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass | ast.Continue)
