"""`SSOTValidationMiddleware`: checks ids and assigns request ids, before any ASGI application.

It needs only the application: no Threadcast server, no settings, no store. It handles HTTP and
WebSocket scopes and passes all others through. Each request gets one request id: its own, if valid,
else a fresh one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any

import msgspec

from ..check_modes import CHECK_MODES, Check, CheckMode
from ..clock import Clock, SystemClock
from ..correlation import (
    REQUEST_ID_HEADER,
    REQUEST_ID_KEY,
    begin,
    brought_request_id,
    finish,
    new_request_id,
)
from ..errors import ThreadcastError
from ..ids.legacy import legacy_kind
from ..wire.http_models import Problem, problem_headers
from .examination import IdExaminer, LegacyKindOf, Violation
from .id_locations import HEADER_KINDS, PARAMETER_KINDS, SEGMENT_KINDS, IdLocations
from .statistics import ValidationStatistics

__all__ = ["SSOTValidationMiddleware"]

# ASGI's types, as Starlette names them, defined here so that Starlette is not needed.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Refuse = Callable[[ThreadcastError, Scope, Receive, Send], Awaitable[None]]

_CHECKED = frozenset({"http", "websocket"})
_CLOSE_CODE = 4400
_REASON_MAX_BYTES = 123
_SUBPROTOCOL_MAX_CHARACTERS = 32


class SSOTValidationMiddleware:
    """Refuses requests whose ids are not ids, or not of the kind that belongs there.

        app = SSOTValidationMiddleware(app, paths=["/threads/{thread_id}"], mode="warn")

    In mode `enforce` an HTTP request is answered with 400 and a problem document (`bad_id`, and in
    `detail` location, expected kind and the one that came). A WebSocket is accepted
    and closed with 4400 and the same reason, because a browser shows a page the close code of a
    socket, but nothing of a handshake that failed. `OPTIONS` is never refused: browsers ask with it
    before they send the request that is then answered.

    Args:
        app: an ASGI 3 application.
        mode: `enforce`, `warn` (count and log) or `off` (requests are still named); or a `Check`
            whose mode is set elsewhere.
        paths: patterns of the paths that carry ids, such as `/threads/{thread_id}`; exact. Without
            them ids are recognised by the segment before them (`threads/`, `runs/`), where they
            look like ids at all.
        parameters: kinds by path parameter and query key, instead of `PARAMETER_KINDS`.
        headers: kinds by header, instead of `HEADER_KINDS`.
        segments: kinds by path segment, instead of `SEGMENT_KINDS`; used without `paths`.
        allow_legacy: let ids of older systems pass, counted as `legacy`; the application may know
            them as aliases. Without it they are refused like other violations.
        legacy_kind_of: names the shape of a legacy id, and gives None for all else; by default the
            shapes that `ids.legacy` knows.
        statistics: counts; one of its own when not given.
        refuse: answers a request that is refused, instead of the above.
        clock: of the examples and the log.

    Attributes:
        check: has the mode; it may be set at any time.
        statistics: what was counted.

    Raises:
        ValueError: a mode or a pattern is not usable.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        mode: CheckMode | Check = "enforce",
        paths: Iterable[str] | None = None,
        parameters: Mapping[str, str] = PARAMETER_KINDS,
        headers: Mapping[str, str] = HEADER_KINDS,
        segments: Mapping[str, str] = SEGMENT_KINDS,
        allow_legacy: bool = True,
        legacy_kind_of: LegacyKindOf = legacy_kind,
        statistics: ValidationStatistics | None = None,
        refuse: Refuse | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._app = app
        self._clock = clock or SystemClock()
        self.check = mode if isinstance(mode, Check) else _own_check(mode, self._clock)
        self.statistics = statistics or ValidationStatistics()
        self._examiner = IdExaminer(
            IdLocations(paths, parameters, headers, segments), legacy_kind_of
        )
        self._allow_legacy = allow_legacy
        self._refuse = refuse or refuse_plainly

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        if scope["type"] not in _CHECKED:
            await self._app(scope, receive, send)
            return
        violations: Sequence[Violation] = ()
        if self.check.mode == "off":
            brought = brought_request_id(scope["headers"])
        else:
            self.statistics.requests += 1
            brought, violations = self._examiner.examine(scope)
        request_id = brought or new_request_id()
        scope = {**scope, REQUEST_ID_KEY: request_id}
        if scope["type"] == "http":
            send = _naming(request_id, send)
        token = begin(request_id)
        try:
            refusal = self._judge(scope, violations) if violations else None
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await self._refuse(refusal, scope, receive, send)
        finally:
            finish(token)

    def _judge(self, scope: Scope, violations: Sequence[Violation]) -> ThreadcastError | None:
        """Count the violations; returns why the request is refused, or None."""
        serious = [one for one in violations if one.kind != "legacy" or not self._allow_legacy]
        refusal: ThreadcastError | None = None
        if serious and scope.get("method") != "OPTIONS":
            try:
                self.check.refuse(ThreadcastError("bad_id", serious[0].reason))
            except ThreadcastError as error:
                refusal = error.with_traceback(None)
        self.statistics.count_violations(
            violations,
            now=self._clock.now(),
            violating=bool(serious),
            refused=refusal is not None,
        )
        return refusal


def _own_check(mode: CheckMode, clock: Clock) -> Check:
    if mode not in CHECK_MODES:
        raise ValueError(f"mode: expected one of {', '.join(CHECK_MODES)}, got {mode!r}")
    return Check("id_validation", mode, clock=clock, on_tolerated=_ignore)


def _ignore(_: str) -> None:
    """Does nothing: the statistics count already."""


def _naming(request_id: str, send: Send) -> Send:
    """A `send` that adds the request id to the response's headers, unless it is there."""

    def send_named(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            for name, _ in headers:
                if name == REQUEST_ID_HEADER:
                    return send(message)
            own = (REQUEST_ID_HEADER, request_id.encode())
            message = {**message, "headers": [*headers, own]}
        return send(message)

    return send_named


async def refuse_plainly(
    error: ThreadcastError, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer with the problem document, or accept the WebSocket and close it with the reason."""
    if scope["type"] == "websocket":
        await receive()  # websocket.connect
        await send({"type": "websocket.accept", "subprotocol": _harmless_subprotocol(scope)})
        reason = error.message.encode("ascii", "replace")[:_REASON_MAX_BYTES].decode()
        await send({"type": "websocket.close", "code": _CLOSE_CODE, "reason": reason})
        return
    body = msgspec.json.encode(Problem.of(error, request_id=scope[REQUEST_ID_KEY]))
    headers = {**problem_headers(error), "content-length": str(len(body))}
    await send(
        {
            "type": "http.response.start",
            "status": error.kind.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})


def _harmless_subprotocol(scope: Scope) -> str | None:
    """An offered subprotocol: without one, browsers fail the handshake and hide the close code.

    Entries that may be a credential are never echoed.
    """
    for offered in scope.get("subprotocols") or ():
        if len(offered) <= _SUBPROTOCOL_MAX_CHARACTERS and "bearer" not in offered.lower():
            return str(offered)
    return None
