"""The OpenAPI 3.1 document, drawn from the table in `operations`."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec

from ..errors import ERRORS
from ..wire.http_models import Problem
from .definitions import (
    Schema,
    error_code_schema,
    journal_event_schemas,
    reference,
    schemas_of,
)
from .operations import ANYWHERE, OPERATIONS, PARAMETERS, SECURED, Operation, Parameter

__all__ = ["openapi_document"]

_JSON = "application/json"
_LINES = "application/x-ndjson"
_PROBLEM = "application/problem+json"
_SECURITY: dict[str, list[Schema]] = {
    "required": [{"bearer": []}],
    "optional": [{}, {"bearer": []}],
    "none": [],
}
_DESCRIPTION = (
    "Errors are problem documents (RFC 9457) with a stable `code`. Snapshots carry `seq`, the"
    " place in the journal at which they are true. Ignore fields that you do not know."
)
_STATUSES_WITH_RETRY_AFTER = frozenset({HTTPStatus.TOO_MANY_REQUESTS, 503})


def openapi_document(version: str) -> dict[str, Any]:
    """The document, as data for JSON.

    Args:
        version: of the server, for `info`.
    """
    paths: dict[str, Schema] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {"title": "Threadcast", "version": version, "description": _DESCRIPTION},
        "security": _SECURITY["required"],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _schemas() -> dict[str, Schema]:
    structs: list[type] = [Problem]
    for operation in OPERATIONS:
        structs += [one for one in (operation.body, operation.answer) if isinstance(one, type)]
    found = {
        **schemas_of(dict.fromkeys(structs)),
        **journal_event_schemas(),
        "ErrorCode": error_code_schema(),
    }
    return {name: found[name] for name in sorted(found)}


def _operation(operation: Operation) -> Schema:
    described: Schema = {
        "operationId": operation.operation_id,
        "summary": operation.summary,
        "security": _SECURITY[operation.security],
        "parameters": [_parameter(PARAMETERS[name]) for name in operation.parameters],
    }
    if operation.body is not None:
        content = {_JSON: {"schema": reference(operation.body.__name__)}}
        if operation.lines:
            content[_LINES] = {"schema": {"type": "string"}}
        described["requestBody"] = {"required": operation.body_required, "content": content}
    described["responses"] = _responses(operation)
    return described


def _responses(operation: Operation) -> dict[str, Schema]:
    answer = _answer(operation)
    responses = {str(operation.status): answer, **_refusals(operation)}
    for status in map(str, operation.also):
        refusal = responses[status]
        responses[status] = {**refusal, "content": {**answer["content"], **refusal["content"]}}
    return responses


def _parameter(parameter: Parameter) -> Schema:
    schema = msgspec.json.schema(parameter.type)
    described = {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": schema.pop("description"),
    }
    default = {} if parameter.default is None else {"default": parameter.default}
    return {**described, "schema": {**schema, **default}}


def _answer(operation: Operation) -> Schema:
    described: Schema = {"description": HTTPStatus(operation.status).phrase}
    if isinstance(operation.answer, str):
        described["content"] = {operation.answer: {"schema": {"type": "string"}}}
    elif operation.answer is not None:
        described["content"] = {_JSON: {"schema": reference(operation.answer.__name__)}}
    if operation.also_as is not None:
        described["content"][operation.also_as] = {"schema": {"type": "string"}}
    return described


def _refusals(operation: Operation) -> dict[str, Schema]:
    """Responses by status; each names its codes."""
    codes = {*operation.errors, *ANYWHERE}
    if operation.security == "required":
        codes.update(SECURED)
    by_status: dict[int, list[str]] = {}
    for code, kind in ERRORS.items():
        if code in codes:
            by_status.setdefault(kind.status, []).append(code)
    return {str(status): _refusal(status, by_status[status]) for status in sorted(by_status)}


def _refusal(status: int, codes: Iterable[str]) -> Schema:
    described: Schema = {
        "description": "\n".join(f"- `{code}`: {ERRORS[code].text}" for code in codes),
        "content": {_PROBLEM: {"schema": reference(Problem.__name__)}},
    }
    if status in _STATUSES_WITH_RETRY_AFTER:
        seconds = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}
        described["headers"] = {"Retry-After": seconds}
    return described
