"""What both documents share: JSON Schemas of structs, of events and of error codes.

This module may not know routes or channels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import msgspec

from ..errors import ERRORS
from ..events import DATA_OF_EVENT, Event, EventType
from ..wire.fields import SEQ_MAX

__all__ = [
    "Schema",
    "envelope",
    "error_code_schema",
    "event_schema_name",
    "journal_event_schemas",
    "reference",
    "schemas_of",
]

Schema = dict[str, Any]

_REFERENCE = "#/components/schemas/{name}"
_SEQ: Schema = {"type": "integer", "minimum": 1, "maximum": SEQ_MAX}


def reference(name: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": _REFERENCE.format(name=name)}


def schemas_of(types: Iterable[Any]) -> dict[str, Schema]:
    """The schemas of these structs and of all that they hold, by name, in order of names."""
    _, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    return {name: _described(components[name]) for name in sorted(components)}


def _described(schema: Schema) -> Schema:
    """With the first paragraph of the docstring only, on one line."""
    if "description" not in schema:
        return schema
    first = schema["description"].split("\n\n", 1)[0]
    return {**schema, "description": " ".join(first.split())}


def error_code_schema() -> Schema:
    """The codes as an enumeration, with the whole table beside it."""
    return {
        "type": "string",
        "title": "ErrorCode",
        "description": "Stable. New codes may be added; treat an unknown one by its status.",
        "enum": list(ERRORS),
        "x-errors": [dataclasses.asdict(kind) for kind in ERRORS.values()],
    }


def event_schema_name(event_type: str) -> str:
    """`agent_started` is `AgentStartedEvent`."""
    return "".join(word.capitalize() for word in event_type.split("_")) + "Event"


def envelope(event_type: str, data: Schema, *, is_journal: bool) -> Schema:
    """The schema of one type of event.

    Args:
        event_type: its name.
        data: the schema of its data.
        is_journal: whether it has a place in the journal; else it has no seq.
    """
    schema = _envelope_schema()
    properties: dict[str, Schema] = {
        name: _without_null(one) for name, one in schema["properties"].items()
    }
    properties |= {"event_type": {"const": event_type}, "data": data, "seq": _SEQ}
    properties["first_seq"] = _SEQ
    for name in _absent(event_type, is_journal=is_journal):
        del properties[name]
    return {
        "type": "object",
        "title": event_schema_name(event_type),
        "properties": properties,
        "required": [*schema["required"], *(["seq"] if is_journal else [])],
    }


def _absent(event_type: str, *, is_journal: bool) -> tuple[str, ...]:
    if not is_journal:
        return ("thread_id", "run_id", "seq", "first_seq")
    return () if event_type == EventType.AGENT_DELTA else ("first_seq",)


def _envelope_schema() -> Schema:
    _, components = msgspec.json.schema_components([Event])
    found: Schema = components["Event"]
    return found


def _without_null(schema: Schema) -> Schema:
    """Of an optional field, what it is when it is there: an envelope never carries null."""
    if "anyOf" not in schema:
        return schema
    found: Schema = next(one for one in schema["anyOf"] if one != {"type": "null"})
    return found


def journal_event_schemas() -> dict[str, Schema]:
    """The schemas of all journal events and of their data, and `JournalEvent` for any of them."""
    names = {kind.value: event_schema_name(kind) for kind in EventType}
    events = {
        names[kind.value]: envelope(
            kind.value, reference(DATA_OF_EVENT[kind].__name__), is_journal=True
        )
        for kind in EventType
    }
    any_of_them = {"title": "JournalEvent", "oneOf": [reference(name) for name in names.values()]}
    data = schemas_of(dict.fromkeys(DATA_OF_EVENT.values()))
    return {**data, **events, "JournalEvent": any_of_them}
