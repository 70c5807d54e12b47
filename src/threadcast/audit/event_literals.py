"""TC401, TC402 and TC404: events as dict literals whose shape is not the canonical one.

A dict is taken for an event if its type is a known event's name, or if it is passed to a function
that sends events. Other dicts with a `type` are ignored: JSON Schemas, ASGI messages, requests to a
model.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from .configuration import AuditSettings
from .event_edits import given_once, renaming
from .findings import Finding
from .id_uses import name_of
from .source import Source, last, text_of

ENVELOPE = frozenset(
    {"event_type", "timestamp", "user_id", "thread_id", "run_id", "seq", "first_seq", "data"}
)
CANONICAL_KEY = {
    "type": "event_type",
    "event": "event_type",
    "eventType": "event_type",
    "event_name": "event_type",
    "time": "timestamp",
    "ts": "timestamp",
    "created_at": "timestamp",
    "user": "user_id",
    "userId": "user_id",
    "thread": "thread_id",
    "threadId": "thread_id",
    "run": "run_id",
    "runId": "run_id",
    "payload": "data",
}
TYPE_KEYS = tuple(old for old, new in CANONICAL_KEY.items() if new == "event_type")

# Types of connection-level messages, which are not about a user's threads.
_CONTROL = frozenset({
    "ping", "pong", "ack", "auth", "auth_success", "auth_failed", "authenticate", "heartbeat",
    "keepalive", "keep_alive", "subscribe", "subscribed", "unsubscribe", "connected", "connect",
    "disconnect", "error", "close", "hello", "welcome", "connection_established", "init",
})  # fmt: skip
_ISO_CALLS = frozenset({"isoformat", "strftime", "ctime", "asctime"})


class _Event(NamedTuple):
    """A dict literal that is an event: its keys with their nodes, its type, and the evidence."""

    node: ast.Dict
    keys: dict[str, tuple[ast.expr, ast.expr]]
    type_key: str
    event_type: str
    is_known: bool


def find_event_literals(source: Source, settings: AuditSettings) -> Iterator[Finding]:
    """TC401, TC402 and TC404 in one file."""
    sent = _sent(source, settings.event_senders)
    for node in source.nodes(ast.Dict):
        event = _event_of(node, settings.events, is_sent=node in sent)
        if event is not None:
            yield from _wrong_keys(source, event)
            yield from _payload_outside(source, event)
            yield from _wrong_time(source, event)


def _event_of(node: ast.Dict, known: frozenset[str], *, is_sent: bool) -> _Event | None:
    keys = {
        name: (key, value)
        for key, value in zip(node.keys, node.values, strict=True)
        if key is not None and (name := text_of(key)) is not None
    }
    for type_key in ("event_type", *TYPE_KEYS):
        if type_key in keys and (value := _type_text(keys[type_key][1])):
            if value in known:
                return _Event(node, keys, type_key, value, is_known=True)
            if is_sent and _is_event_name(value) and len(keys) > 1 and "jsonrpc" not in keys:
                return _Event(node, keys, type_key, value, is_known=False)
    return None


def _type_text(node: ast.expr) -> str:
    """The type's text, also of `EventType.AGENT_STARTED` and its `value`."""
    if (text := text_of(node)) is not None:
        return text
    if isinstance(node, ast.Attribute) and node.attr == "value":
        node = node.value
    if isinstance(node, ast.Attribute) and node.attr.isupper() and "Event" in name_of(node.value):
        return node.attr.lower()
    return ""


def _is_event_name(text: str) -> bool:
    """Whether a sent `type` may be a Threadcast event; dotted names belong to other protocols."""
    return "." not in text and "/" not in text and text.lower() not in _CONTROL and text != ""


def _sent(source: Source, senders: tuple[str, ...]) -> set[ast.Dict]:
    """Dict literals that are passed to a sender: directly, as JSON, or by a variable."""
    found: set[ast.Dict] = set()
    for call in source.nodes(ast.Call):
        if _called(call) in senders and not _is_to_service(call):
            for given in (*call.args, *(keyword.value for keyword in call.keywords)):
                found |= _dicts_of(source, call, given)
    return found


def _is_to_service(call: ast.Call) -> bool:
    """Whether it goes to a service that this object is a client of: that service's events."""
    match call.func:
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr=name)):
            return name.strip("_") == "client"
    return False


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _dicts_of(source: Source, call: ast.Call, given: ast.expr) -> set[ast.Dict]:
    match given:
        case ast.Dict():
            return {given}
        case ast.Call(args=[ast.Dict() as inner, *_]) if last(source.dotted(given.func)) == "dumps":
            return {inner}
        case ast.Name(id=name):
            once = given_once(source, call, name)
            return {once} if isinstance(once, ast.Dict) else set()
    return set()


# --- TC401 ------------------------------------------------------------------------------------


def _wrong_keys(source: Source, event: _Event) -> Iterator[Finding]:
    wrong = {
        name: CANONICAL_KEY[name]
        for name in event.keys
        if name in CANONICAL_KEY and CANONICAL_KEY[name] not in event.keys
        if name == event.type_key or name not in TYPE_KEYS
    }
    if wrong:
        pairs = ", ".join(f"`{new}`, got `{old}`" for old, new in wrong.items())
        message = f"the event `{event.event_type}` has other keys: expected {pairs}"
        rivals = frozenset({*TYPE_KEYS} - {event.type_key})
        edits, unfixed = (
            renaming(source, event.keys, wrong, rivals)
            if event.is_known
            else ((), "it is none of the events of the protocol or of the configuration")
        )
        yield source.finding("TC401", event.node, message, edits=edits, unfixed=unfixed)


# --- TC402, TC404 -----------------------------------------------------------------------------


def _payload_outside(source: Source, event: _Event) -> Iterator[Finding]:
    if not event.is_known and event.type_key != "event_type":
        return  # one finding is enough for an event that is not known to be ours
    outside = [name for name in event.keys if name not in ENVELOPE and name not in CANONICAL_KEY]
    if outside:
        names = ", ".join(f"`{name}`" for name in outside[:5])
        more = f" and {len(outside) - 5} more" if len(outside) > 5 else ""
        message = f"the event `{event.event_type}` has {names}{more} beside `data`, not in it"
        yield source.finding("TC402", event.node, message)


def _wrong_time(source: Source, event: _Event) -> Iterator[Finding]:
    for name in ("timestamp", "time", "ts", "created_at"):
        if name in event.keys and (how := _time_form(source, event.keys[name][1])):
            value = event.keys[name][1]
            message = f"the event `{event.event_type}` has its time as {how}, not as float seconds"
            yield source.finding("TC404", value, message)


def _time_form(source: Source, value: ast.expr) -> str:
    for node in ast.walk(value):
        if isinstance(node, ast.Call):
            called = last(source.dotted(node.func)) or _called(node)
            if called in _ISO_CALLS:
                return f"a text (`{called}`)"
            if called == "time_ns" or (called == "int" and isinstance(value, ast.Call)):
                return f"a whole number (`{called}`)"
    return "a text" if text_of(value) is not None else ""
