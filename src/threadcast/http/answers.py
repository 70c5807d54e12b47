"""Responses: JSON documents, problem documents (RFC 9457), empty ones, and common headers.

Pure: it may not know requests, users or routes.
"""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from ..errors import ThreadcastError
from ..wire.http_models import Problem, problem_headers

JSON_TYPE = "application/json"
SECURITY_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
"""Sent with every response of this package, streams included."""

# The request's body was not read to its end, so the connection cannot carry another request.
_UNREAD_BODY = frozenset({"body_too_large", "request_timeout"})


def json_answer(
    document: msgspec.Struct | dict[str, object],
    status: int = 200,
    *,
    location: str | None = None,
) -> Response:
    """A JSON document; `location` is the path of what was created."""
    headers = {} if location is None else {"location": location}
    return Response(msgspec.json.encode(document), status, headers, JSON_TYPE)


def empty_answer() -> Response:
    """204."""
    return Response(None, 204)


def problem_answer(error: ThreadcastError, *, request_id: str) -> Response:
    """The problem document of a request's error, with the headers that its status asks for."""
    body = msgspec.json.encode(Problem.of(error, request_id=request_id))
    return Response(body, error.kind.status, refusal_headers(error))


def refusal_headers(error: ThreadcastError) -> dict[str, str]:
    """The headers of a problem document, without those that every answer gets."""
    headers = problem_headers(error)
    del headers["cache-control"]
    if error.code in _UNREAD_BODY:
        headers["connection"] = "close"
    return headers
