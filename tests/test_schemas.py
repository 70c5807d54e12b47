"""The published documents: they hold together, and they say what the code does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from threadcast.errors import ERRORS, ThreadcastError
from threadcast.events import ConnectionEventType, EventType
from threadcast.schemas import asyncapi_document, openapi_document
from threadcast.schemas.definitions import event_schema_name
from threadcast.schemas.operations import ANYWHERE, OPERATIONS, PARAMETERS, SECURED
from threadcast.wire.commands import COMMANDS, UnusableCommand, decode_command
from threadcast.wire.connection_data import ANSWER_OF_COMMAND
from threadcast.wire.http_models import Problem, SendMessageBody
from threadcast.wire.json_input import decode_object
from vector_files import vectors

OPENAPI = openapi_document("1.2.3")
ASYNCAPI = asyncapi_document("1.2.3")
DOCUMENTS = [pytest.param(OPENAPI, id="openapi"), pytest.param(ASYNCAPI, id="asyncapi")]

_PROTOCOL_SECTION_8 = """
POST /v1/threads | GET /v1/threads | GET /v1/threads/{thread_id} | PATCH /v1/threads/{thread_id}
DELETE /v1/threads/{thread_id} | GET /v1/threads/{thread_id}/messages
POST /v1/threads/{thread_id}/messages | GET /v1/threads/{thread_id}/events | GET /v1/runs/{run_id}
POST /v1/messages
POST /v1/runs/{run_id}/cancel | POST /v1/runs/{run_id}/respond | GET /v1/events | POST /v1/ingest
GET /v1/connections | DELETE /v1/connections/{connection_id} | POST /v1/sessions/revoke
GET /healthz | GET /readyz | GET /metrics | GET /ops/consistency
GET /ops/validation
"""


def parts(value: Any) -> Iterator[Any]:
    """The value and everything in it."""
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from parts(one)


def resolve(document: dict[str, Any], pointer: str) -> Any:
    found: Any = document
    for step in pointer.removeprefix("#/").split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found


def validator(document: dict[str, Any], name: str) -> jsonschema_rs.Draft202012Validator:
    schemas = document["components"]["schemas"]
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
    return jsonschema_rs.Draft202012Validator(schema)


# --- both -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_reference_resolves(document: dict[str, Any]) -> None:
    references = [
        part["$ref"] for part in parts(document) if isinstance(part, dict) and "$ref" in part
    ]
    assert references
    for reference in references:
        assert resolve(document, reference)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_schema_is_a_json_schema_and_is_used(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    used = {part["$ref"] for part in parts(document) if isinstance(part, dict) and "$ref" in part}
    for name, schema in schemas.items():
        jsonschema_rs.meta.validate(schema)
        assert f"#/components/schemas/{name}" in used or name == "JournalEvent"
        assert name[0].isupper()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_error_code_is_listed(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["ErrorCode"]
    assert schema["enum"] == list(ERRORS)
    assert [row["code"] for row in schema["x-errors"]] == list(ERRORS)
    assert {"code", "text", "status", "close", "retryable", "retry_after_ms"} == set(
        schema["x-errors"][0]
    )


def test_the_documents_are_deterministic_data() -> None:
    for make, document in ((openapi_document, OPENAPI), (asyncapi_document, ASYNCAPI)):
        again = json.dumps(make("1.2.3"))
        assert again == json.dumps(document)
        assert json.loads(again) == document
        assert document["info"]["version"] == "1.2.3"
        names = list(document["components"]["schemas"])
        assert names == sorted(names)


# --- AsyncAPI -------------------------------------------------------------------------------------


def test_every_command_and_event_is_a_message_of_the_channel() -> None:
    names = {*COMMANDS, *map(str, ConnectionEventType), *map(str, EventType)}
    assert set(ASYNCAPI["components"]["messages"]) == names
    assert set(ASYNCAPI["channels"]["connection"]["messages"]) == names
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert ASYNCAPI["channels"]["connection"]["address"] == "/v1/ws"


def test_every_message_is_received_or_sent_once() -> None:
    seen: list[str] = []
    for operation in ASYNCAPI["operations"].values():
        assert operation["action"] in ("receive", "send")
        assert operation["channel"] == {"$ref": "#/channels/connection"}
        seen += [message["$ref"].rsplit("/", 1)[1] for message in operation["messages"]]
    assert sorted(seen) == sorted(ASYNCAPI["components"]["messages"])


def test_every_command_has_an_answer() -> None:
    assert ANSWER_OF_COMMAND.keys() == COMMANDS.keys()
    for name, answer in ANSWER_OF_COMMAND.items():
        assert answer.__struct_config__.tag == name


@pytest.mark.parametrize("vector", vectors("commands"))
def test_the_schema_takes_good_commands(vector: dict[str, Any]) -> None:
    command = vector["command"]
    name = COMMANDS[command["command"]].__name__
    validator(ASYNCAPI, name).validate(command)


@pytest.mark.parametrize(
    "command",
    [
        {"command": "ping"},
        {"command": "ping", "id": ""},
        {"command": "ping", "id": "x" * 65},
        {"command": "ping", "id": "c", "version": 2},
        {"command": "attach", "id": "c", "after": -1},
        {"command": "attach", "id": "c", "after": 2**53},
        {"command": "attach", "id": "c", "at": "x"},
        {"command": "create_thread", "id": "c", "title": "x" * 201},
        {"command": "create_thread", "id": "c", "metadata": {"__proto__": 1}},
        {"command": "create_thread", "id": "c", "metadata": {"x" * 65: 1}},
        {"command": "create_thread", "id": "c", "metadata": {str(n): n for n in range(65)}},
        {"command": "send_message", "id": "c", "content": "", "client_message_id": "m"},
        {"command": "send_message", "id": "c", "content": "x", "client_message_id": "\n"},
        {"command": "send_message", "id": "c", "content": "x"},
        {"command": "authenticate", "id": "c", "token": ""},
        {"command": "cancel_run", "id": "c", "run_id": None},
        {"command": "respond", "id": "c", "run_id": "r", "input_id": "i"},
    ],
)
def test_the_schema_refuses_what_the_decoder_refuses(command: dict[str, Any]) -> None:
    with pytest.raises(UnusableCommand):
        decode_command(json.dumps(command))
    name = COMMANDS[command["command"]].__name__
    assert not validator(ASYNCAPI, name).is_valid(command)


@pytest.mark.parametrize("vector", [*vectors("events"), *vectors("connection_events")])
def test_the_schema_takes_events(vector: dict[str, Any]) -> None:
    event = vector["event"]
    name = event_schema_name(event["event_type"])
    validator(ASYNCAPI, name).validate(event)
    assert not validator(ASYNCAPI, name).is_valid({**event, "event_type": "other"})
    assert not validator(ASYNCAPI, name).is_valid({**event, "data": "x"})


@pytest.mark.parametrize("vector", vectors("events"))
@pytest.mark.parametrize("document", DOCUMENTS)
def test_journal_events_are_exactly_one_of_them(
    document: dict[str, Any], vector: dict[str, Any]
) -> None:
    check = validator(document, "JournalEvent")
    check.validate(vector["event"])
    without_seq = {name: value for name, value in vector["event"].items() if name != "seq"}
    assert not check.is_valid(without_seq)


# --- OpenAPI --------------------------------------------------------------------------------------


# Beside the protocol; clients never need them.
_FOR_OPERATORS = {
    "GET /ops/alerts",
    "GET /ops/nodes",
    "POST /ops/connections/close",
    "GET /ops/overview",
    "GET /ops/series",
    "POST /ops/users/find",
    "GET /ops/runs",
    "GET /ops/runs/{run_id}",
    "GET /ops/runs/{run_id}/timeline",
    "GET /ops/actions",
    "POST /ops/actions/disconnect",
    "POST /ops/actions/sign_out",
    "POST /ops/actions/cancel_run",
    "POST /ops/actions/drain_node",
}


def test_every_operation_of_the_protocol_is_there_and_no_other() -> None:
    found = {
        f"{method.upper()} {path}" for path, item in OPENAPI["paths"].items() for method in item
    }
    expected = {line.strip() for line in _PROTOCOL_SECTION_8.replace("\n", "|").split("|")} - {""}
    assert found == expected | _FOR_OPERATORS
    assert OPENAPI["openapi"] == "3.1.0"


def test_operations_have_names_of_their_own() -> None:
    names = [operation.operation_id for operation in OPERATIONS]
    assert len(names) == len(set(names))


def test_parameters_fit_their_paths() -> None:
    for operation in OPERATIONS:
        in_path = {part[1:-1] for part in operation.path.split("/") if part.startswith("{")}
        declared = {name for name in operation.parameters if PARAMETERS[name].place == "path"}
        assert declared == in_path
    assert {name for operation in OPERATIONS for name in operation.parameters} == set(PARAMETERS)


def test_parameters_are_described() -> None:
    parameters = OPENAPI["paths"]["/v1/threads"]["get"]["parameters"]
    assert parameters == [
        {
            "name": "limit",
            "in": "query",
            "required": False,
            "description": "How many items at most.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
        },
        {
            "name": "before",
            "in": "query",
            "required": False,
            "description": "`next` of the page before. It is opaque, and an edited one is refused.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 512},
        },
    ]
    for item in OPENAPI["paths"].values():
        for operation in item.values():
            for parameter in operation["parameters"]:
                jsonschema_rs.meta.validate(parameter["schema"])


def test_every_code_is_under_its_status() -> None:
    for operation in OPERATIONS:
        responses = OPENAPI["paths"][operation.path][operation.method]["responses"]
        codes = {*operation.errors, *ANYWHERE}
        codes |= {*SECURED} if operation.security == "required" else set()
        for code in codes:
            response = responses[str(ERRORS[code].status)]
            assert f"`{code}`" in response["description"]
            assert response["content"]["application/problem+json"]["schema"] == {
                "$ref": "#/components/schemas/Problem"
            }


def test_security() -> None:
    assert OPENAPI["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for path, item in OPENAPI["paths"].items():
        for operation in item.values():
            is_secured = operation["security"] == [{"bearer": []}]
            assert is_secured is path.startswith(("/v1/", "/ops/"))
    assert OPENAPI["paths"]["/metrics"]["get"]["security"] == [{}, {"bearer": []}]


def test_snapshots_carry_seq() -> None:
    schemas = OPENAPI["components"]["schemas"]
    for name in ("ThreadSnapshot", "ThreadPage", "MessagePage", "EventPage", "RunSnapshot"):
        assert "seq" in schemas[name]["required"]


def test_readiness_is_answered_twice() -> None:
    responses = OPENAPI["paths"]["/readyz"]["get"]["responses"]
    assert set(responses["503"]["content"]) == {"application/json", "application/problem+json"}
    assert set(responses["200"]["content"]) == {"application/json"}


def test_bodies_refused_by_the_decoder_are_refused_by_the_schema() -> None:
    check = validator(OPENAPI, "SendMessageBody")
    for body in ({}, {"content": ""}, {"content": "x", "on_busy": "wait"}, {"content": None}):
        assert not check.is_valid(body)
        with pytest.raises(ThreadcastError):
            decode_object(json.dumps(body), SendMessageBody)


# --- problem documents ----------------------------------------------------------------------------


@pytest.mark.parametrize("code", list(ERRORS))
def test_problem_documents(code: str) -> None:
    kind = ERRORS[code]
    document = msgspec.to_builtins(Problem.of(ThreadcastError(code, "why", retry_after_ms=250)))
    assert document == {
        "type": "about:blank",
        "title": kind.text,
        "status": kind.status,
        "code": code,
        "detail": "why",
        "retryable": kind.retryable,
        "retry_after_ms": 250,
    }
    validator(OPENAPI, "Problem").validate(document)


def test_a_problem_without_a_time_to_wait_does_not_name_one() -> None:
    assert "retry_after_ms" not in msgspec.to_builtins(Problem.of(ThreadcastError("not_found")))
