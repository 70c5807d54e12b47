"""The problem document (RFC 9457) of a request that the edge refuses.

Pure: it makes bytes and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from ..errors import ThreadcastError
from ..wire.http_models import Problem, problem_headers


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused.

    Attributes:
        code: a key of `threadcast.errors.ERRORS`.
        detail: what was expected and what came, without any text of the client.
        headers: additional response headers.
        retry_after_ms: when to retry, in milliseconds; None for the error table's value.
    """

    code: str
    detail: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    retry_after_ms: int | None = None


def refusal_response(refusal: Refusal) -> bytes:
    """A complete HTTP/1.1 response that refuses and closes the connection."""
    error = ThreadcastError(refusal.code, refusal.detail, retry_after_ms=refusal.retry_after_ms)
    status = HTTPStatus(error.kind.status)
    body = msgspec.json.encode(Problem.of(error))
    headers = {
        **problem_headers(error),
        "content-length": str(len(body)),
        "connection": "close",
        **dict(refusal.headers),
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body
