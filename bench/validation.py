"""The overhead of `SSOTValidationMiddleware`: the same application with and without it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

from threadcast.schemas.operations import OPERATIONS
from threadcast.validation.middleware import ASGIApp, Message, SSOTValidationMiddleware
from threadcast.validation.statistics import ValidationStatistics

_ROUNDS = 15
_REQUESTS = 4_000
_THREAD = "thread_chat_1763629200001_7_90c65fe4"
_REQUEST = b"req_chat_1763629200001_7_90c65fe4"
_HEADERS = [
    (b"host", b"chat.example.com"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept", b"application/json"),
    (b"accept-language", b"en-US,en;q=0.5"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"authorization", b"Bearer x"),
    (b"origin", b"https://chat.example.com"),
    (b"connection", b"keep-alive"),
    (b"sec-fetch-mode", b"cors"),
    (b"sec-fetch-site", b"same-origin"),
]
_START: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"2")],
}
_BODY: Message = {"type": "http.response.body", "body": b"{}"}

REQUESTS: dict[str, dict[str, Any]] = {
    "no id": {"path": "/healthz"},
    "an id in the path": {"path": f"/v1/threads/{_THREAD}/messages", "query_string": b"limit=50"},
    "ids in path, query and header": {
        "path": f"/v1/threads/{_THREAD}/messages",
        "query_string": b"limit=50&thread_id=" + _THREAD.encode(),
        "headers": [*_HEADERS, (b"x-request-id", _REQUEST)],
    },
}
"""What is asked, by what is in it."""


async def application(_scope: Any, _receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """An application that answers at once."""
    await send(_START)
    await send(_BODY)


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(_message: Message) -> None:
    return


async def added_us() -> dict[str, tuple[float, float]]:
    """Microseconds per request that the middleware adds, and those without it.

    Medians of alternating rounds, so that other load on the machine affects both.
    """
    checked = SSOTValidationMiddleware(
        application,
        paths=[operation.path for operation in OPERATIONS],
        statistics=ValidationStatistics(),
    )
    figures = {}
    for name, parts in REQUESTS.items():
        added, bare = [], []
        for _ in range(_ROUNDS):
            without = await _request_us(application, parts)
            bare.append(without)
            added.append(await _request_us(checked, parts) - without)
        figures[name] = median(added), median(bare)
    return figures


async def _request_us(app: ASGIApp, parts: dict[str, Any]) -> float:
    scope = {
        "type": "http",
        "method": "GET",
        "root_path": "",
        "query_string": b"",
        "headers": _HEADERS,
        **parts,
    }
    started = time.process_time()
    for _ in range(_REQUESTS):
        await app(scope, _receive, _send)
    return (time.process_time() - started) / _REQUESTS * 1e6
