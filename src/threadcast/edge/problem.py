"""What the edge answers when it refuses a request: a problem document (RFC 9457).

Pure: it makes bytes, it writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from ..errors import ERRORS, ThreadcastError
from ..wire.http_models import Problem


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused.

    Attributes:
        code: a key of `threadcast.errors.ERRORS`.
        detail: what was expected and what came, without any text of the client.
        headers: additional response headers.
    """

    code: str
    detail: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def refusal_response(refusal: Refusal) -> bytes:
    """A whole HTTP/1.1 response that refuses and says that the connection ends."""
    kind = ERRORS[refusal.code]
    body = msgspec.json.encode(Problem.of(ThreadcastError(refusal.code, refusal.detail)))
    lines = [
        f"HTTP/1.1 {kind.status} {HTTPStatus(kind.status).phrase}",
        "content-type: application/problem+json",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        *(f"{name}: {value}" for name, value in refusal.headers),
    ]
    if not any(name == "connection" for name, _ in refusal.headers):
        lines.append("connection: close")
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body
