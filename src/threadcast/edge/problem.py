"""What the edge answers when it refuses a request: a problem document (RFC 9457).

Pure: it makes bytes, it writes nothing.
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
        retry_after_ms: when to come again, in milliseconds; None for what the code's table says.
    """

    code: str
    detail: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    retry_after_ms: int | None = None


def refusal_response(refusal: Refusal) -> bytes:
    """A whole HTTP/1.1 response that refuses and says that the connection ends."""
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
