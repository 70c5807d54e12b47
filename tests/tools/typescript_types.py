"""Draws the TypeScript types of the clients from the structs that the server decodes and encodes.

`reference_pages` writes what this gives; `test_docs` refuses files that are not current.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

import msgspec

from threadcast.events import DATA_OF_EVENT, ConnectionEventType
from threadcast.schemas.asyncapi import asyncapi_document
from threadcast.schemas.definitions import event_schema_name
from threadcast.schemas.openapi import openapi_document
from threadcast.schemas.operations import OPERATIONS, Operation
from threadcast.wire.commands import COMMANDS
from threadcast.wire.connection_data import DATA_OF_CONNECTION_EVENT
from threadcast.wire.http_models import Problem

_LINE_MAX = 100
_ANSWERS = """\
/** The data of `command_accepted`. */
export type CommandAccepted = CommandAcceptedEvent["data"];

/** What the server answers to the command with this name. */
export type AnswerOf<Name extends Command["command"]> = Extract<
  CommandAccepted,
  { readonly command: Name }
>;
"""
_CONSOLE = ("/ops/overview", "/ops/series", "/ops/users/", "/ops/runs", "/ops/actions")
_WORDS = {
    "integer": "number",
    "number": "number",
    "string": "string",
    "boolean": "boolean",
    "null": "null",
    "object": "Record<string, unknown>",
}

_Schemas = dict[str, dict[str, Any]]


def protocol_types() -> str:
    """Events, commands, HTTP bodies and error codes."""
    documents = asyncapi_document(""), openapi_document("")
    schemas: _Schemas = {}
    for document in documents:
        schemas |= document["components"]["schemas"]
    of_operators = [one for one in OPERATIONS if one.path.startswith("/ops/")]
    operators = _held_by(schemas, _bodies(of_operators))
    users = _held_by(schemas, _bodies(one for one in OPERATIONS if one not in of_operators))
    names = [name for name in sorted(schemas) if name not in operators - users]
    unions = [
        _union("Command", (kind.__name__ for kind in COMMANDS.values())),
        _union("ConnectionEvent", map(event_schema_name, ConnectionEventType)),
    ]
    return _module(
        "What goes over the wire: events, commands, HTTP bodies and error codes.",
        [*(_declaration(name, schemas[name]) for name in names), *unions, _ANSWERS],
    )


def console_types() -> str:
    """What the operator's console asks and is answered."""
    schemas: _Schemas = openapi_document("")["components"]["schemas"]
    asked = (one for one in OPERATIONS if one.path.startswith(_CONSOLE))
    return _module(
        "What the operator's console asks and is answered.",
        [_declaration(name, schemas[name]) for name in sorted(_held_by(schemas, _bodies(asked)))],
    )


def _module(says: str, declarations: Iterable[str]) -> str:
    head = (
        f"/**\n * {says}\n *\n * Written by scripts/reference from the server's definitions.\n */\n"
    )
    return "\n".join([head, *declarations])


def _bodies(operations: Iterable[Operation]) -> set[str]:
    """The names of what these operations take and answer."""
    return {
        one.__name__
        for operation in operations
        for one in (operation.body, operation.answer)
        if isinstance(one, type)
    }


def _held_by(schemas: _Schemas, names: Iterable[str]) -> set[str]:
    """These schemas and all that they refer to."""
    found: set[str] = set()
    ahead = list(names)
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += _references(schemas[name])
    return found


def _references(schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        for key, inner in schema.items():
            if key == "$ref":
                yield _name(inner)
            elif key == "properties":  # whatever their names are
                yield from _references(list(inner.values()))
            elif key not in ("default", "examples", "description"):
                yield from _references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)


def _name(reference: str) -> str:
    return reference.rsplit("/", 1)[1]


# --- one declaration ------------------------------------------------------------------------------


def _declaration(name: str, schema: Mapping[str, Any]) -> str:
    told = _comment(schema.get("description"), "")
    if name == "ErrorCode":
        # Editors offer the known codes, and a newer one is taken too.
        known = _union("KnownErrorCode", map(json.dumps, schema["enum"]))
        return f"{known}\n{told}{_union(name, ('KnownErrorCode', '(string & {})'))}"
    if "oneOf" in schema:
        return told + _union(name, (_type(one) for one in schema["oneOf"]))
    if schema.get("type") != "object":
        return told + f"export type {name} = {_type(schema)};\n"
    fields = schema.get("properties", {})
    if not fields:
        return told + f"export type {name} = Record<string, never>;\n"
    always = _always_there(name, schema)
    lines = (_field(key, one, is_there=key in always) for key, one in fields.items())
    return told + f"export interface {name} {{\n" + "".join(lines) + "}\n"


def _field(name: str, schema: Mapping[str, Any], *, is_there: bool) -> str:
    told = _comment(schema.get("description"), "  ")
    start = f"  readonly {name}{'' if is_there else '?'}:"
    line = f"{start} {_type(schema)};\n"
    if len(line) > _LINE_MAX + 1:
        line = start + "".join(f"\n    | {one}" for one in _type(schema).split(" | ")) + ";\n"
    return told + line


def _comment(text: str | None, indent: str) -> str:
    return "" if text is None else f"{indent}/** {text} */\n"


def _always_there(name: str, schema: Mapping[str, Any]) -> frozenset[str]:
    """The fields of what a server sends are all there, but for those that it leaves out."""
    required = frozenset(schema.get("required", ()))
    kind = _SENT.get(name)
    if kind is None or kind.__struct_config__.omit_defaults:
        return required
    return required | {key for key, one in schema["properties"].items() if "default" in one}


def _union(name: str, members: Iterable[str]) -> str:
    members = list(members)
    line = f"export type {name} = {' | '.join(members)};\n"
    if len(line) <= _LINE_MAX:
        return line
    return f"export type {name} =\n" + "\n".join(f"  | {one}" for one in members) + ";\n"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _name(schema["$ref"])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(map(json.dumps, schema["enum"]))
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " | ".join(dict.fromkeys(_type(one) for one in schema[word]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_WORDS[one] for one in kind)
    if kind == "array":
        return f"readonly {_in_array(schema)}[]"
    if kind == "object" and isinstance(inner := schema.get("additionalProperties"), Mapping):
        return f"Readonly<Record<string, {_type(inner)}>>"
    return _WORDS.get(str(kind), "unknown")


def _in_array(schema: Mapping[str, Any]) -> str:
    if "items" not in schema:
        return "unknown"
    inner = _type(schema["items"])
    return f"({inner})" if " | " in inner else inner


# --- who sends it ---------------------------------------------------------------------------------


def _sent_structs() -> dict[str, Any]:
    """The structs that servers send, by name, with all that they hold."""
    roots = [Problem, *DATA_OF_EVENT.values()]
    for data in DATA_OF_CONNECTION_EVENT.values():
        roots += get_args(data) or (data,)
    roots += [one.answer for one in OPERATIONS if isinstance(one.answer, type)]
    infos = map(msgspec.inspect.type_info, roots)
    return {kind.__name__: kind for info in infos for kind in _structs_in(info)}


def _structs_in(info: object) -> Iterator[Any]:
    if isinstance(info, msgspec.inspect.StructType):
        yield info.cls
        for field in info.fields:
            yield from _structs_in(field.type)
        return
    for part in ("types", "item_type", "value_type", "type"):
        inner = getattr(info, part, ())
        for one in inner if isinstance(inner, tuple) else (inner,):
            if isinstance(one, msgspec.inspect.Type):
                yield from _structs_in(one)


_SENT = _sent_structs()
