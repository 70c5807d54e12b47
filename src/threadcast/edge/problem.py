"""What the edge answers when it refuses a request: a problem document (RFC 9457).

Pure: it makes bytes, it writes nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus

from ..errors import ERRORS


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


def problem_document(code: str, detail: str = "") -> bytes:
    """The JSON body that every refused HTTP request gets.

    Args:
        code: a key of `threadcast.errors.ERRORS`.
        detail: one sentence for people; the row's own text when empty.

    Raises:
        KeyError: the code has no row.
    """
    kind = ERRORS[code]
    document = {
        "type": "about:blank",
        "title": kind.text,
        "status": kind.status,
        "code": kind.code,
        "detail": detail or kind.text,
    }
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def refusal_response(refusal: Refusal) -> bytes:
    """A whole HTTP/1.1 response that refuses and says that the connection ends."""
    kind = ERRORS[refusal.code]
    body = problem_document(refusal.code, refusal.detail)
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
