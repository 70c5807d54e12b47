"""The WebSocket entrance: is this upgrade acceptable, and if not, why?

It judges host, origin, credential and capacity from the request alone. An accepted upgrade becomes
a `Visit`. It may not know commands or events.
"""

from __future__ import annotations

import random

import msgspec
from starlette.types import Receive, Scope, Send

from ..auth.credentials import bearer_token, read_offer, refuse_token_in_url, single_header
from ..auth.sign_in import SignIn
from ..check_modes import Refuse, always
from ..correlation import REQUEST_ID_HEADER, request_id_of
from ..delivery.websocket_manager import WebSocketManager
from ..errors import ThreadcastError
from ..origins import HostRule, OriginRule
from ..wire.http_models import Problem, problem_headers
from .connection import ConnectionServices
from .visit import Handshake, Visit

_FULL_RETRY_AFTER_MS = 2_000
_FULL_RETRY_SPREAD_MS = 5_000
_TOLD_MAX = 1_000  # sockets that are open only to say why they are refused


class Gateway:
    """The ASGI application of `GET /v1/ws`.

    Args:
        services: what connections share.
        manager: knows the live connections.
        hosts: which `Host` names are ours.
        origins: which pages may connect.
        refuse_stranger: see `SignIn`.

    Attributes:
        sign_in: authenticates; shared with the HTTP entrance, so that both share its rate limit.
    """

    def __init__(
        self,
        services: ConnectionServices,
        manager: WebSocketManager,
        hosts: HostRule,
        origins: OriginRule,
        refuse_stranger: Refuse = always,
    ) -> None:
        self._services = services
        self._manager = manager
        self._hosts = hosts
        self._origins = origins
        self.sign_in = SignIn(
            *(services.authenticator, services.settings, services.clock, services.metrics),
            refuse_stranger,
        )
        self._told = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket scope."""
        await self._serve(scope, receive, send, None)

    async def refuse(
        self, error: ThreadcastError, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Refuse a WebSocket for an earlier finding, telling clients that may know the reason."""
        await self._serve(scope, receive, send, error)

    async def deny(
        self, error: ThreadcastError, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer the request for a WebSocket with an error, whatever it says."""
        await receive()  # websocket.connect
        await self._deny(error, request_id_of(scope), send)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, refusal: ThreadcastError | None
    ) -> None:
        await receive()  # websocket.connect
        await self._services.lulls.wait()  # judging is a step of an arrival
        request_id = request_id_of(scope)
        try:
            handshake = self._judge(scope, request_id, refusal)
        except ThreadcastError as error:
            error.with_traceback(None)
            await self._deny(error, request_id, send)
            return
        visit = Visit(self._services, self._manager, self.sign_in, handshake)
        is_told = handshake.refusal is not None
        self._told += is_told
        try:
            await visit.serve(scope, receive, send)
        finally:
            self._told -= is_told

    async def _deny(self, error: ThreadcastError, request_id: str, send: Send) -> None:
        self._services.metrics.refusals.labels(error.code).inc()
        self._services.metrics.count_connect_refused(failed=error.is_failure)
        await _refuse(send, error, request_id)

    def _busy(self) -> ThreadcastError | None:
        """Why nobody more can connect now, if so."""
        if self._manager.full:
            return ThreadcastError("overloaded", retry_after_ms=_spread_ms())
        arrivals = self._services.arrivals
        return arrivals.postponed() if arrivals.full else None

    def _judge(self, scope: Scope, request_id: str, refusal: ThreadcastError | None) -> Handshake:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        host = single_header(headers, b"host", "bad_host") or ""
        self._hosts.check(host)
        if self._services.settings.role == "worker":
            raise ThreadcastError("wrong_role")
        refuse_token_in_url(scope["query_string"])
        offer = read_offer(scope["subprotocols"])
        token = bearer_token(headers) or offer.token
        self._origins.check(
            single_header(headers, b"origin"),
            scheme=scope["scheme"],
            host=host,
            credential=token is not None,
        )
        if self._services.draining():
            raise ThreadcastError("shutting_down")
        if refusal is None:
            refusal = self._busy()
            if refusal is not None and single_header(headers, b"origin") is None:
                raise refusal  # no browser: it sees the answer
        if refusal is not None and self._told >= _TOLD_MAX:
            raise refusal
        client = scope.get("client")
        address = client[0] if client else ""
        if token is None:
            self.sign_in.admit_stranger(address)
        return Handshake(offer, token, address, request_id, refusal)


async def _refuse(send: Send, error: ThreadcastError, request_id: str) -> None:
    headers = [(name.encode(), value.encode()) for name, value in problem_headers(error).items()]
    headers.append((REQUEST_ID_HEADER, request_id.encode()))
    await send(
        {
            "type": "websocket.http.response.start",
            "status": error.kind.status,
            "headers": headers,
        }
    )
    body = msgspec.json.encode(Problem.of(error, request_id=request_id))
    await send({"type": "websocket.http.response.body", "body": body})


def _spread_ms() -> int:
    """A jittered retry time, so that refused clients do not come back together."""
    return _FULL_RETRY_AFTER_MS + random.randrange(_FULL_RETRY_SPREAD_MS)  # noqa: S311 - no secret
