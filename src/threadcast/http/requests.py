"""Strict, bounded reading of requests: headers, query, body.

It may not know users, stores or routes. Its errors never repeat what a client wrote.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request

from ..auth.credentials import single_header
from ..errors import ThreadcastError
from ..wire.accept_header import weights_of
from ..wire.json_input import decode_object
from .answers import JSON_TYPE
from .paging import whole_number

T = TypeVar("T", bound=msgspec.Struct)

_QUERY_KEYS_MAX = 16
_BODY_SLOW_AFTER_S = 15.0
_BODY_BYTES_PER_S_MIN = 1_024
_IDEMPOTENCY_KEY = re.compile("[ -~]{1,128}")
_FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip"})


def header(request: Request, name: bytes, code: str = "bad_request") -> str | None:
    """The one value of a request's header, or None without one; see `single_header`."""
    return single_header(request.scope["headers"], name, code)


def address_of(request: Request) -> str:
    """The client's address without port; empty if unknown."""
    return request.client.host if request.client else ""


def is_local(request: Request) -> bool:
    """Whether the request came from this machine, and not through a proxy on it."""
    if any(key in _FORWARDED for key, _ in request.scope["headers"]):
        return False
    try:
        return ip_address(address_of(request)).is_loopback
    except ValueError:
        return False


def prefers_html(accept: str | None) -> bool:
    """Whether an `Accept` header prefers `text/html` to JSON."""
    weights = weights_of(accept or "")
    html = weights.get("text/html", 0.0)
    return html > 0 and html >= weights.get(JSON_TYPE, 0.0)


def read_query(request: Request, *allowed: str) -> dict[str, str]:
    """The query's parameters by name.

    Raises:
        ThreadcastError: `bad_query` for an unknown or repeated name, or invalid UTF-8.
    """
    try:
        pairs = parse_qsl(
            request.scope["query_string"].decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_QUERY_KEYS_MAX,
        )
    except ValueError:
        raise ThreadcastError("bad_query", "expected a query in percent-encoded UTF-8") from None
    query = dict(pairs)
    if len(query) < len(pairs):
        raise ThreadcastError("bad_query", "expected every parameter once, got one twice")
    if not query.keys() <= set(allowed):
        known = ", ".join(allowed) or "no parameters"
        raise ThreadcastError("bad_query", f"expected {known}, got another parameter")
    return query


def idempotency_key(request: Request) -> str | None:
    """The `Idempotency-Key` header, or None without one.

    Raises:
        ThreadcastError: `bad_idempotency_key`.
    """
    key = header(request, b"idempotency-key", "bad_idempotency_key")
    if key is not None and _IDEMPOTENCY_KEY.fullmatch(key) is None:
        raise ThreadcastError(
            "bad_idempotency_key", "Idempotency-Key: expected 1..128 printable ASCII characters"
        )
    return key


async def read_object(request: Request, expected: type[T], *, max_bytes: int) -> T:
    """Decode the body.

    Args:
        request: its body was not read yet.
        expected: the type to decode.
        max_bytes: bound on the body.

    Raises:
        ThreadcastError: `unsupported_media_type`, `content_encoding_not_supported`,
            `body_too_large`, `request_timeout`, or what `json_input.decode_object` raises.
    """
    media_type(request, JSON_TYPE)
    return decode_object(await read_body(request, max_bytes), expected)


async def read_optional_object(request: Request, expected: type[T], *, max_bytes: int) -> T:
    """As `read_object`, but an empty body counts as an empty object."""
    body = await read_body(request, max_bytes)
    if body or header(request, b"content-type", "unsupported_media_type") is not None:
        media_type(request, JSON_TYPE)
    return decode_object(body or b"{}", expected)


def media_type(request: Request, *allowed: str) -> str:
    """The body's media type, which must be one of these.

    Raises:
        ThreadcastError: `unsupported_media_type`.
    """
    found = header(request, b"content-type", "unsupported_media_type") or ""
    kind = found.partition(";")[0].strip(" \t").lower()
    if kind not in allowed:
        expected = " or ".join(allowed)
        raise ThreadcastError("unsupported_media_type", f"expected Content-Type: {expected}")
    return kind


async def read_body(
    request: Request, max_bytes: int, *, slow_after_s: float = _BODY_SLOW_AFTER_S
) -> bytes:
    """The whole body.

    Args:
        request: its body was not read yet.
        max_bytes: it is refused as soon as more are announced or received.
        slow_after_s: after this time, at least 1,024 bytes per second must have arrived.

    Raises:
        ThreadcastError: `content_encoding_not_supported`, `body_too_large`, `request_timeout`.
    """
    announced = whole_number(header(request, b"content-length") or "0")
    if announced is None or announced > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    async with aclosing(body_pieces(request, slow_after_s=slow_after_s)) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > max_bytes:
                raise _too_large(max_bytes)
    return bytes(body)


async def body_pieces(
    request: Request, *, slow_after_s: float = _BODY_SLOW_AFTER_S
) -> AsyncGenerator[bytes, None]:
    """The body in chunks, as long as they come fast enough; close it when done.

    Time that the caller spends between two chunks does not count.

    Args:
        request: its body was not read yet.
        slow_after_s: the longest wait for a chunk; once all waits together exceed it, at least
            1,024 bytes per second of waiting must have arrived.

    Raises:
        ThreadcastError: `content_encoding_not_supported`, `request_timeout`.
    """
    if (header(request, b"content-encoding") or "identity").lower() != "identity":
        raise ThreadcastError("content_encoding_not_supported")
    time = asyncio.get_running_loop().time
    waited_s, received = 0.0, 0
    async with aclosing(request.stream()) as stream:
        while True:
            allowed_s = max(slow_after_s, received / _BODY_BYTES_PER_S_MIN) - waited_s
            started = time()
            piece = await _next_piece(stream, min(allowed_s, slow_after_s))
            waited_s += time() - started
            if piece is None:
                return
            received += len(piece)
            yield piece


async def _next_piece(stream: AsyncGenerator[bytes, None], wait_s: float) -> bytes | None:
    try:
        async with asyncio.timeout(wait_s):
            return await anext(stream, None)
    except TimeoutError:
        raise ThreadcastError(
            "request_timeout", f"expected at least {_BODY_BYTES_PER_S_MIN} bytes a second"
        ) from None


def _too_large(max_bytes: int) -> ThreadcastError:
    return ThreadcastError("body_too_large", f"expected at most {max_bytes} bytes")
