"""Reads snapshots over HTTP after a `Reset`, and gets tokens from a development server.

Each snapshot carries the `seq` that it reflects; events up to that seq are in it.
"""

from __future__ import annotations

import sys
from typing import TypeVar
from urllib.parse import quote

import httpx2
import msgspec

from ..consistency.report import ConsistencyReport
from ..errors import ERRORS, ThreadcastError
from ..wire.http_models import PAGE_LIMIT_MAX, MessagePage, RunSnapshot, ThreadPage
from .arguments import check_id_of, check_text, check_token, check_whole
from .endpoint import endpoint_of
from .http import http_client
from .network_reason import network_reason
from .refusal import is_elsewhere, no_server, read_problem
from .token_source import TokenCall, TokenSource
from .words import ClientRefused, CommandRejected, ProtocolViolation, ServerUnreachable

ANSWER_MAX_BYTES = 67_108_864
_TIMEOUT_S = 10.0

Snapshot = TypeVar("Snapshot", bound=msgspec.Struct)


class Snapshots:
    """Reads one user's snapshots; use it as `async with Snapshots(url, token) as snapshots`.

    Args:
        url: as for `connect`.
        token: as for `connect`; a callable is asked before every request.

    Raises:
        UnusableUrl: the URL names no server.
        UnusableArgument: the token is of the wrong type.

    Raises, every method:
        UnusableArgument: an argument has the wrong type or is out of its bounds.
        ClientRefused: the credential was not accepted.
        CommandRejected: the server refused the request, `not_found` among others.
        ServerUnreachable: there was no answer, or it was not a Threadcast server's.
        ProtocolViolation: the answer is unreadable or longer than 64 MiB.
    """

    def __init__(self, url: str, token: str | TokenCall) -> None:
        endpoint = endpoint_of(url)
        check_token(token)
        self._tokens = TokenSource(token)
        self._http = http_client(endpoint, timeout_s=_TIMEOUT_S)

    async def __aenter__(self) -> Snapshots:
        """Nothing is opened before the first request."""
        return self

    async def __aexit__(self, *_details: object) -> None:
        """Close the HTTP connections."""
        await self._http.aclose()

    async def threads(self, *, limit: int = 50, before: str | None = None) -> ThreadPage:
        """The user's threads, the one with the latest event first.

        Args:
            limit: so many at most, 1..200.
            before: `next` of the page before.
        """
        return await self._get("/v1/threads", ThreadPage, _page(limit, before))

    async def messages(
        self, thread_id: str, *, limit: int = 50, before: str | None = None
    ) -> MessagePage:
        """A thread's latest messages and answers, oldest first.

        Args:
            thread_id: the thread.
            limit: so many at most, 1..200.
            before: `next` of the page before.
        """
        check_id_of("thread", "thread_id", thread_id, older_too=True)
        path = f"/v1/threads/{quote(thread_id, safe='')}/messages"
        return await self._get(path, MessagePage, _page(limit, before))

    async def run(self, run_id: str) -> RunSnapshot:
        """One run and its questions."""
        check_id_of("run", "run_id", run_id)
        return await self._get(f"/v1/runs/{quote(run_id, safe='')}", RunSnapshot, {})

    async def consistency(self, *, named: str | None = None, limit: int = 50) -> ConsistencyReport:
        """Whether ids stayed the same on the server; for tokens with the scope `ops`.

        Args:
            named: only traces with this trace, thread, run, request or connection id in them.
            limit: the most traces, 1..200.
        """
        query = _page(limit, None)
        if named is not None:
            check_text("named", named)
            query["trace"] = named
        return await self._get("/ops/consistency", ConsistencyReport, query)

    async def _get(self, path: str, kind: type[Snapshot], query: dict[str, str | int]) -> Snapshot:
        token = await self._tokens.get()
        body = await _exchange(
            self._http, "GET", path, params=query, headers={"Authorization": f"Bearer {token}"}
        )
        return _read(body, kind)


class _MintedToken(msgspec.Struct):
    token: str


async def development_token(url: str, user_id: str) -> str:
    """Ask a server in development mode, on this machine, for a token for `user_id`.

    Raises:
        CommandRejected: `not_found` from a server that is not in development mode.
        ServerUnreachable: there was no answer, or it was not a Threadcast server's.
        UnusableUrl: the URL names no server.
    """
    endpoint = endpoint_of(url)
    async with http_client(endpoint, timeout_s=_TIMEOUT_S) as http:
        try:
            body = await _exchange(http, "POST", "/dev/token", json={"user": user_id})
        except CommandRejected as error:
            if error.server_code == "not_found" and not await _is_a_server(http):
                text = no_server(endpoint.http_url, error.kind.status)
                raise ServerUnreachable("unavailable", text) from None
            raise
    return _read(body, _MintedToken).token


async def _is_a_server(http: httpx2.AsyncClient) -> bool:
    """Whether the URL is a server's base URL, and not an unknown path on one."""
    try:
        await _exchange(http, "GET", "/healthz")
    except CommandRejected:
        return False
    return True


async def _exchange(
    http: httpx2.AsyncClient,
    method: str,
    path: str,
    *,
    params: dict[str, str | int] | None = None,
    headers: dict[str, str] | None = None,
    json: dict[str, str] | None = None,
) -> bytes:
    body, handled = bytearray(), sys.exception()
    try:
        async with http.stream(method, path, params=params, headers=headers, json=json) as answer:
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > ANSWER_MAX_BYTES:
                    raise ProtocolViolation(f"an answer has more than {ANSWER_MAX_BYTES} bytes")
    except httpx2.HTTPError as error:
        where = f"cannot reach the server at {_url_of(http)}"
        text = f"{where}: {network_reason(error, handled=handled)}"
        raise ServerUnreachable("unavailable", text) from error
    if answer.status_code != 200:
        raise _refusal(_url_of(http), answer.status_code, bytes(body))
    return bytes(body)


def _url_of(http: httpx2.AsyncClient) -> str:
    return str(http.base_url).rstrip("/")


def _refusal(url: str, status: int, body: bytes) -> ThreadcastError:
    problem = read_problem(body)
    if is_elsewhere(status, problem):
        return ServerUnreachable("unavailable", no_server(url, status))
    code = problem.code or ("not_found" if status == 404 else "internal")
    text = problem.detail or f"the server answered with HTTP status {status}"
    if status in (401, 403):
        return ClientRefused(code if code in ERRORS else "forbidden", text)
    return CommandRejected(
        code, text, retryable=problem.retryable, retry_after_ms=problem.retry_after_ms
    )


def _read(body: bytes, kind: type[Snapshot]) -> Snapshot:
    try:
        return msgspec.json.decode(body, type=kind)
    except (ValueError, RecursionError) as error:
        raise ProtocolViolation(f"an answer is unreadable ({error})") from None


def _page(limit: int, before: str | None) -> dict[str, str | int]:
    check_whole("limit", limit, 1, PAGE_LIMIT_MAX)
    if before is None:
        return {"limit": limit}
    check_text("before", before)
    return {"limit": limit, "before": before}
