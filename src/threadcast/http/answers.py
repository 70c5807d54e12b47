"""Answers: JSON documents, problem documents (RFC 9457), empty ones, and the headers of all.

Pure: it may not know requests, users or routes.
"""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from ..errors import ThreadcastError
from ..wire.http_models import Problem

JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"
SECURITY_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
"""Sent with every answer of this package, the streams too."""

_RETRY_AFTER_DEFAULT_S = 1
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
    """Done, and there is nothing to say (204)."""
    return Response(None, 204)


def problem_answer(error: ThreadcastError) -> Response:
    """The problem document of an error, with the headers that its status asks for."""
    headers = {}
    if error.kind.status == 401:
        headers["www-authenticate"] = 'Bearer error="invalid_token"'
    if error.kind.retryable:
        headers["retry-after"] = str(retry_after_s(error))
    if error.code in _UNREAD_BODY:
        headers["connection"] = "close"
    body = msgspec.json.encode(Problem.of(error))
    return Response(body, error.kind.status, headers, PROBLEM_TYPE)


def retry_after_s(error: ThreadcastError) -> int:
    """Whole seconds to wait before the request is worth repeating, >= 1."""
    if error.retry_after_ms is None:
        return _RETRY_AFTER_DEFAULT_S
    return max(1, -(-error.retry_after_ms // 1000))
