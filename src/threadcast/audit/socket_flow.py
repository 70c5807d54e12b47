"""TC501 and TC502: a WebSocket used before `accept`, or after `close`.

An intraprocedural data-flow analysis, over branches, loops and handlers. It tracks the set of
states that a WebSocket may be in. Passing it to another function, which may accept it, makes its
state unknown, and an unknown state is never reported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from .configuration import AuditSettings
from .findings import Finding
from .may_raise import may_raise, own_parts
from .source import SCOPES, Function, Source, last, own_nodes


class _State(Enum):
    NEW = "new"
    OPEN = "open"
    CLOSED = "closed"
    GONE = "gone"  # the peer has left
    UNKNOWN = "unknown"


_States = frozenset[_State]
_NONE: _States = frozenset()
_SENDS = frozenset({"send", "send_text", "send_bytes", "send_json"})
_RECEIVES = frozenset(
    {"receive", "receive_text", "receive_bytes", "receive_json", "iter_text", "iter_bytes",
     "iter_json"}
)  # fmt: skip
_ENDPOINTS = frozenset({"websocket", "websocket_route"})
_STATE_FIELDS = frozenset({"client_state", "application_state"})
_ROUNDS_MAX = 3
_EVERYTHING = frozenset({"Exception", "BaseException"})


def find_socket_misuse(source: Source, _settings: AuditSettings) -> Iterator[Finding]:
    """TC501 and TC502 in one file."""
    for function in source.functions():
        for name in _sockets(source, function):
            yield from _Flow(source, function, name).findings()


def _sockets(source: Source, function: Function) -> Iterator[str]:
    """The parameters that are WebSockets of Starlette or FastAPI."""
    accepted = {
        node.func.value.id
        for node in own_nodes(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.attr == "accept"
    }
    arguments = function.args
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        annotation = one.annotation
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            is_socket = last(annotation.value) == "WebSocket"
        else:
            dotted = source.dotted(annotation)
            is_socket = last(dotted) == "WebSocket" and _is_starlette(dotted)
        if is_socket or (annotation is None and one.arg in accepted and "socket" in one.arg):
            yield one.arg


def _is_starlette(dotted: str) -> bool:
    package = dotted.partition(".")[0]
    return package in ("WebSocket", "fastapi", "starlette")


@dataclass(slots=True)
class _Loop:
    """Where `break` and `continue` of a loop lead."""

    left: set[_State] = field(default_factory=set)
    continued: set[_State] = field(default_factory=set)


class _Flow:
    """One WebSocket in one function."""

    def __init__(self, source: Source, function: Function, name: str) -> None:
        self._source = source
        self._function = function
        self._name = name
        self._loops: list[_Loop] = []
        self._raised: list[set[_State]] = []
        self._found: dict[ast.AST, Finding] = {}

    def findings(self) -> Iterable[Finding]:
        start = _State.NEW if self._begins_new() else _State.UNKNOWN
        self._block(self._function.body, frozenset({start}))
        return self._found.values()

    def _begins_new(self) -> bool:
        """Whether this function must accept it: it does so itself, or it is the endpoint."""
        accepts = any(
            isinstance(node, ast.Call) and self._method(node) == "accept"
            for node in own_nodes(self._function)
        )
        is_endpoint = any(
            isinstance(one, ast.Call) and last(self._source.dotted(one.func)) in _ENDPOINTS
            for one in self._function.decorator_list
        )
        return (accepts or is_endpoint) and not self._is_given_to_inner()

    def _is_given_to_inner(self) -> bool:
        return any(
            isinstance(node, ast.Name) and node.id == self._name
            for inner in own_nodes(self._function)
            if isinstance(inner, (*SCOPES, ast.Lambda))
            for node in ast.walk(inner)
        )

    def _method(self, call: ast.Call) -> str:
        """The name of the method that is called on the WebSocket, or empty."""
        function = call.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            return function.attr if function.value.id == self._name else ""
        return ""

    # --- statements ---------------------------------------------------------------------------

    def _block(self, body: Sequence[ast.stmt], states: _States) -> _States:
        for statement in body:
            if not states:
                return _NONE  # unreachable
            if self._can_fail(statement):
                self._may_raise(states)
            states = self._statement(statement, states)
        return states

    def _can_fail(self, statement: ast.stmt) -> bool:
        """Whether something in a statement may raise; `accept` is assumed to succeed."""
        inner = own_parts(statement)
        accepts = any(isinstance(one, ast.Call) and self._method(one) == "accept" for one in inner)
        return not accepts and may_raise(statement, inner)

    def _may_raise(self, states: _States) -> None:
        if self._raised:
            self._raised[-1].update(states)

    def _statement(self, statement: ast.stmt, states: _States) -> _States:
        match statement:
            case ast.If():
                return self._branch(statement, states)
            case ast.While() | ast.For() | ast.AsyncFor():
                return self._loop(statement, states)
            case ast.Try() | ast.TryStar():
                return self._try(statement, states)
            case ast.With() | ast.AsyncWith():
                return self._with(statement, states)
            case ast.Match():
                states = self._expression(statement.subject, states)
                ways = [self._block(case.body, states) for case in statement.cases]
                return frozenset().union(states, *ways)
            case ast.Return() | ast.Raise():
                self._expression(statement, states)
                return _NONE
            case ast.Break() | ast.Continue():
                if self._loops:
                    loop = self._loops[-1]
                    where = loop.left if isinstance(statement, ast.Break) else loop.continued
                    where.update(states)
                return _NONE
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return states
        return self._expression(statement, states)

    def _branch(self, statement: ast.If, states: _States) -> _States:
        states = self._expression(statement.test, states)
        if self._asks_state(statement.test):
            known = frozenset({_State.UNKNOWN})
            self._block(statement.body, known)
            return self._block(statement.orelse, known) | known
        return self._block(statement.body, states) | self._block(statement.orelse, states)

    def _asks_state(self, test: ast.expr) -> bool:
        return any(
            isinstance(node, ast.Attribute) and node.attr in _STATE_FIELDS
            for node in ast.walk(test)
        )

    def _loop(self, statement: ast.While | ast.For | ast.AsyncFor, states: _States) -> _States:
        head = statement.test if isinstance(statement, ast.While) else statement.iter
        endless = (
            isinstance(statement, ast.While)
            and isinstance(statement.test, ast.Constant)
            and bool(statement.test.value)
        )
        loop = _Loop()
        self._loops.append(loop)
        entered = states
        for _ in range(_ROUNDS_MAX):
            entered = self._expression(head, entered)
            around = self._block(statement.body, entered) | loop.continued
            if around <= entered:
                break
            entered |= around
        self._loops.pop()
        out = _NONE if endless else self._block(statement.orelse, entered)
        return out | loop.left

    def _try(self, statement: ast.Try | ast.TryStar, states: _States) -> _States:
        self._raised.append(set())
        done = self._block(statement.body, states)
        raised = frozenset(self._raised.pop())
        if not any(self._catches_all(one) for one in statement.handlers):
            self._may_raise(raised)
        ways = [self._block(statement.orelse, done) if done else _NONE]
        for handler in statement.handlers:
            known = raised
            if self._is_disconnect(handler):  # only an open one can be found gone
                receives = self._receives(statement.body)
                known = frozenset({_State.GONE}) if receives else raised - {_State.NEW}
            ways.append(self._block(handler.body, known))
        out = frozenset().union(*ways)
        if statement.finalbody:
            after = self._block(statement.finalbody, out or frozenset({_State.UNKNOWN}))
            return after if out else _NONE
        return out

    def _catches_all(self, handler: ast.ExceptHandler) -> bool:
        return handler.type is None or last(self._source.dotted(handler.type)) in _EVERYTHING

    def _is_disconnect(self, handler: ast.ExceptHandler) -> bool:
        return last(self._source.dotted(handler.type)) == "WebSocketDisconnect"

    def _receives(self, body: Sequence[ast.stmt]) -> bool:
        return any(
            isinstance(node, ast.Call) and self._method(node) in _RECEIVES
            for statement in body
            for node in ast.walk(statement)
        )

    def _with(self, statement: ast.With | ast.AsyncWith, states: _States) -> _States:
        for item in statement.items:
            states = self._expression(item.context_expr, states)
        self._raised.append(set())
        done = self._block(statement.body, states)
        raised = frozenset(self._raised.pop())
        self._may_raise(raised)
        swallows = any("suppress" in ast.unparse(item.context_expr) for item in statement.items)
        return done | raised if swallows else done

    # --- expressions --------------------------------------------------------------------------

    def _expression(self, node: ast.AST, states: _States) -> _States:
        """The states after the calls in an expression, in the order of the text."""
        touched = [
            one
            for one in (node, *own_nodes(node))
            if isinstance(one, ast.Call | ast.Assign | ast.Yield | ast.YieldFrom)
        ]
        calls = [one for one in touched if isinstance(one, ast.Call)]
        for call in sorted(calls, key=lambda one: (one.end_lineno or 0, one.end_col_offset or 0)):
            states = self._call(call, states)
        if len(touched) > len(calls) and self._escapes(touched):
            states = _unknown(states)
        return states

    def _escapes(self, touched: Sequence[ast.AST]) -> bool:
        return any(
            isinstance(one.value, ast.Name) and one.value.id == self._name
            for one in touched
            if isinstance(one, ast.Assign | ast.Yield | ast.YieldFrom)
        )

    def _call(self, call: ast.Call, states: _States) -> _States:
        match self._method(call):
            case "accept":
                self._judge_accept(call, states)
                return frozenset({_State.OPEN})
            case "close" | "send_denial_response":
                return frozenset({_State.CLOSED})
            case method if method in _SENDS or method in _RECEIVES:
                self._judge(call, method, states)
                return states
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        handed_on = any(
            isinstance(node, ast.Name) and node.id == self._name
            for one in given
            for node in ast.walk(one)
        )
        return _unknown(states) if handed_on else states

    def _judge(self, call: ast.Call, method: str, states: _States) -> None:
        what = f"`{self._name}.{method}`"
        if _State.NEW in states:
            some = "" if states == {_State.NEW} else " on one way through the function"
            message = f"{what} is called before `{self._name}.accept`{some}"
            self._found[call] = self._source.finding("TC501", call, message)
        elif method in _SENDS and states & {_State.CLOSED, _State.GONE}:
            when = "it was closed" if _State.CLOSED in states else "the peer was found gone"
            only = states <= {_State.CLOSED, _State.GONE}
            some = "" if only else ", on one way through the function"
            message = f"{what} is called after {when}{some}"
            self._found[call] = self._source.finding("TC502", call, message)

    def _judge_accept(self, call: ast.Call, states: _States) -> None:
        if _State.CLOSED in states:
            some = "" if states == {_State.CLOSED} else ", on one way through the function"
            message = f"`{self._name}.accept` is called after it was closed{some}"
            self._found[call] = self._source.finding("TC502", call, message)


def _unknown(states: _States) -> _States:
    """A function that gets the WebSocket may accept it, but cannot reopen a closed one."""
    return frozenset(_State.UNKNOWN if one is _State.NEW else one for one in states)
