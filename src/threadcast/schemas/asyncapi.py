"""The AsyncAPI 3.0 document: commands and events of a connection.

It is written from the server's side, as AsyncAPI wants it: the server receives commands and sends
events.
"""

from __future__ import annotations

from typing import Any, get_args

from ..events import ConnectionEventType, EventType
from ..wire.commands import COMMANDS
from ..wire.connection_data import DATA_OF_CONNECTION_EVENT
from .definitions import (
    Schema,
    envelope,
    error_code_schema,
    event_schema_name,
    journal_event_schemas,
    reference,
    schemas_of,
)

__all__ = ["asyncapi_document"]

_CHANNEL = {"$ref": "#/channels/connection"}
_SECURITY = [{"$ref": "#/components/securitySchemes/bearer"}]
_DESCRIPTION = (
    "One WebSocket text frame carries one command, or with `threadcast.v1` one event and with"
    " `threadcast.v1.lines` one or more events, one per line. Ignore fields and event types that"
    " you do not know."
)


def asyncapi_document(version: str) -> dict[str, Any]:
    """The document, as data for JSON.

    Args:
        version: of the server, for `info`.
    """
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Threadcast", "version": version, "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {"connection": _channel()},
        "operations": _operations(),
        "components": {
            "messages": _messages(),
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _channel() -> Schema:
    names = [*COMMANDS, *ConnectionEventType, *EventType]
    return {
        "address": "/v1/ws",
        "title": "A connection: a cursor on the journal of one user",
        "messages": {str(name): {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
    }


def _operations() -> Schema:
    answers = _of_channel(
        ConnectionEventType.COMMAND_ACCEPTED, ConnectionEventType.COMMAND_REJECTED
    )
    received = {
        f"receive_{name}": {
            "action": "receive",
            "channel": _CHANNEL,
            "messages": _of_channel(name),
            "reply": {"channel": _CHANNEL, "messages": answers},
            **({} if name == "authenticate" else {"security": _SECURITY}),
        }
        for name in COMMANDS
    }
    sent = {
        "send_connection_events": _sending(*ConnectionEventType),
        "send_journal_events": _sending(*EventType),
    }
    return {**received, **sent}


def _sending(*names: str) -> Schema:
    return {
        "action": "send",
        "channel": _CHANNEL,
        "messages": _of_channel(*names),
        "security": _SECURITY,
    }


def _of_channel(*names: str) -> list[Schema]:
    return [{"$ref": f"#/channels/connection/messages/{name}"} for name in names]


def _messages() -> dict[str, Schema]:
    payloads = {name: struct.__name__ for name, struct in COMMANDS.items()}
    events = (*ConnectionEventType, *EventType)
    payloads |= {event_type.value: event_schema_name(event_type) for event_type in events}
    return {name: {"name": name, "payload": reference(of)} for name, of in payloads.items()}


def _schemas() -> dict[str, Schema]:
    data_types = {
        kind: get_args(data) or (data,) for kind, data in DATA_OF_CONNECTION_EVENT.items()
    }
    structs = [*COMMANDS.values(), *(one for types in data_types.values() for one in types)]
    said = {
        event_schema_name(kind): envelope(kind.value, _any_of(types), is_journal=False)
        for kind, types in data_types.items()
    }
    found = {
        **schemas_of(structs),
        **journal_event_schemas(),
        **said,
        "ErrorCode": error_code_schema(),
    }
    return {name: found[name] for name in sorted(found)}


def _any_of(types: tuple[Any, ...]) -> Schema:
    references = [reference(one.__name__) for one in types]
    return references[0] if len(references) == 1 else {"oneOf": references}
