"""TC403: event classes whose fields are not the canonical ones.

An event class is one whose type can only be a known event's, whose name is a known event's, or
whose name ends in `Event` and whose fields name its owner.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from .configuration import AuditSettings
from .event_literals import CANONICAL_KEY, TYPE_KEYS
from .findings import Finding
from .source import Source, last, text_of

_EVENT_NAME = re.compile(r"(?:Event|EventPayload|EventMessage|EventData|EventEnvelope)$")
_OWNER_FIELDS = frozenset({"user", "user_id", "userId", "thread", "thread_id", "threadId",
                           "run", "run_id", "runId"})  # fmt: skip
_RECORD_BASES = frozenset({"TypedDict", "BaseModel", "Struct", "NamedTuple", "SQLModel"})
_RECORD_DECORATORS = frozenset({"dataclass", "define", "frozen", "attrs", "s"})
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def find_event_classes(source: Source, settings: AuditSettings) -> Iterator[Finding]:
    """TC403 in one file."""
    for node in source.nodes(ast.ClassDef):
        fields = _fields(node)
        if _is_record(source, node) and _is_event(node, fields, settings.events):
            wrong = {
                old: CANONICAL_KEY[old]
                for old in fields
                if old in CANONICAL_KEY and CANONICAL_KEY[old] not in fields
            }
            if wrong:
                pairs = ", ".join(f"`{new}`, got `{old}`" for old, new in wrong.items())
                message = f"`{node.name}` is a class for events: expected {pairs}"
                yield source.finding("TC403", node, message)


def _fields(node: ast.ClassDef) -> dict[str, ast.expr]:
    return {
        one.target.id: one.annotation
        for one in node.body
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    }


def _is_record(source: Source, node: ast.ClassDef) -> bool:
    bases = {last(source.dotted(one)) for one in node.bases}
    decorators = {
        last(source.dotted(one.func if isinstance(one, ast.Call) else one))
        for one in node.decorator_list
    }
    named_as_event = any(_EVENT_NAME.search(base) for base in bases)
    return bool(bases & _RECORD_BASES or decorators & _RECORD_DECORATORS) or named_as_event


def _is_event(node: ast.ClassDef, fields: dict[str, ast.expr], known: frozenset[str]) -> bool:
    for key in TYPE_KEYS:
        if key in fields and any(text_of(one) in known for one in ast.walk(fields[key])):
            return True
    words = _WORDS.sub("_", _EVENT_NAME.sub("", node.name)).lower()
    if words in known and any(key in fields for key in TYPE_KEYS):
        return True
    is_called_event = bool(_EVENT_NAME.search(node.name))
    return (
        is_called_event
        and any(key in fields for key in (*TYPE_KEYS, "event_type"))
        and len(_OWNER_FIELDS & set(fields)) >= 1
    )
