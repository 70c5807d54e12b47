"""The HTTP edge: what happens to every request before and after its handler.

Host, origin, URL, method, credential, revocation and rate are checked here, in this order and in
one place. Whatever happens inside, the client gets one answer and no stack trace, and an internal
error is logged once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..auth.credentials import bearer_token, refuse_token_in_url
from ..auth.sign_in import unrevoked_head
from ..context import UserExecutionContext
from ..correlation import request_id_of
from ..errors import ThreadcastError
from ..ids import UnifiedIdGenerator
from ..node import Node
from ..rates import BucketPerKey, rate_limited
from ..settings import Settings
from .answers import SECURITY_HEADERS
from .calls import Call, OpenHandler, UserCall, UserHandler
from .refusals import refusal_answer
from .requests import address_of, header

log = logging.getLogger(__name__)

_NOT_FOLLOWED = frozenset({"metrics", "ops"})  # operators' polling would crowd out other traces
_PREFLIGHT_MAX_AGE_S = 600
_REQUEST_HEADERS = (
    "authorization, content-type, idempotency-key, last-event-id, x-request-id, traceparent, "
    "tracestate"
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_TRACED_PARAMETERS = frozenset({"thread_id", "run_id"})
_ANSWER_HEADERS = b"location, retry-after, www-authenticate, x-request-id"


@dataclass(frozen=True, slots=True)
class ForAnyone:
    """A handler that needs no credential."""

    handler: OpenHandler

    async def run(self, call: Call) -> ASGIApp:
        """Answer."""
        return await self.handler(call)


@dataclass(frozen=True, slots=True)
class ForUser:
    """A handler for authenticated users; `operation` becomes part of the request's ids."""

    operation: str
    handler: UserHandler

    async def run(self, call: Call) -> ASGIApp:
        """Find out whose request it is, and answer."""
        return await self.handler(await call.identify(self.operation))


@dataclass(frozen=True, slots=True)
class ForReader:
    """A handler that connects a known user's reader: what refuses it is a refused connect."""

    operation: str
    handler: UserHandler

    async def run(self, call: Call) -> ASGIApp:
        """Find out whose reader it is, and answer."""
        try:
            return await self.handler(await call.identify(self.operation))
        except ThreadcastError as error:
            call.node.metrics.count_connect_refused(failed=error.kind.is_failure)
            raise


@dataclass(frozen=True, slots=True)
class ForScope:
    """A handler for credentials that carry one of these scopes: operators, other services."""

    scopes: tuple[str, ...]
    operation: str
    handler: UserHandler
    while_unavailable: bool = False

    async def run(self, call: Call) -> ASGIApp:
        """Find out whose request it is, whether the credential allows it, and answer."""
        user = await call.identify(self.operation, while_unavailable=self.while_unavailable)
        if user.identity.scopes.isdisjoint(self.scopes):
            raise ThreadcastError("forbidden", f"expected the scope {' or '.join(self.scopes)}")
        return await self.handler(user)


def no_such_path() -> ThreadcastError:
    """What is said of a path that is not there, or not for whoever asks: always the same."""
    return ThreadcastError("not_found", "expected a path that /openapi.json lists")


@dataclass(frozen=True, slots=True)
class ForConsole:
    """A handler for operators that is there only while the setting `console` is on.

    `while_unavailable`: it answers while the store cannot be read, too; for nothing but figures.
    """

    handler: UserHandler
    while_unavailable: bool = False

    async def run(self, call: Call) -> ASGIApp:
        """Find out whether there is such a thing, whose request it is, and answer."""
        if not call.node.settings.console:
            raise ThreadcastError("not_found", "expected the setting console to be on")
        scope = ForScope(("ops",), "ops", self.handler, while_unavailable=self.while_unavailable)
        return await scope.run(call)


Method = ForAnyone | ForUser | ForReader | ForScope | ForConsole
Methods = Mapping[str, Method]


class HttpEntrance:
    """What all resources of one server share.

    Args:
        node: the server's parts.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.rates = BucketPerKey(node.settings.requests_per_s, node.settings.requests_burst)
        node.settings_takers.append(self._take_settings)

    def _take_settings(self, settings: Settings) -> None:
        self.rates.allow(settings.requests_per_s, settings.requests_burst)


class Resource:
    """The ASGI application of one path.

    Args:
        entrance: what is shared.
        methods: by upper-case name; HEAD comes with GET, OPTIONS by itself.
        path: as the route has it, for traces.
    """

    def __init__(self, entrance: HttpEntrance, methods: Methods, path: str = "") -> None:
        self._entrance = entrance
        self._methods = methods
        self._path = path
        names = {*methods, "OPTIONS", *(("HEAD",) if "GET" in methods else ())}
        self._allow = ", ".join(sorted(names))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP scope."""
        visit = _Exchange(self._entrance, self._methods, self._allow, Request(scope, receive))
        tracing = self._entrance.node.tracing
        if not tracing.recording:
            await visit.serve(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        attributes = {"http.request.method": method, "http.route": self._path}
        name, headers = f"{method} {self._path}".rstrip(), scope["headers"]
        with tracing.span(name, attributes, kind=SpanKind.SERVER, headers=headers) as span:
            await visit.serve(scope, receive, visit.traced(send, span))


class _Exchange:
    """One request from here to its answer."""

    def __init__(
        self, entrance: HttpEntrance, methods: Methods, allow: str, request: Request
    ) -> None:
        self._entrance = entrance
        self._node = entrance.node
        self._methods = methods
        self._allow = allow
        self._request = request
        self._request_id = request_id_of(request.scope)
        self._headers = list(SECURITY_HEADERS)
        self._started = False

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_marked(message: Message) -> None:
            await send(self._marked(message))

        try:
            answer = await self._answer()
            await answer(scope, receive, send_marked)
        except ClientDisconnect:
            return  # nobody waits for an answer
        except ThreadcastError as error:
            error.with_traceback(None)
            await self._refuse(error, scope, receive, send_marked)
        except Exception:  # the HTTP edge: log, count, answer
            log.exception("request %s failed", self._request_id)
            await self._refuse(ThreadcastError("internal"), scope, receive, send_marked)

    def traced(self, send: Send, span: Span) -> Send:
        """A `send` that ends the span when the answer begins: a stream can go on for hours."""

        async def send_traced(message: Message) -> None:
            if message["type"] == "http.response.start":
                span.set_attributes(self._trace_attributes(message["status"]))
                if message["status"] >= 500:
                    span.set_status(Status(StatusCode.ERROR))
                span.end()
            await send(message)

        return send_traced

    def _trace_attributes(self, status: int) -> dict[str, str | int]:
        ids = {
            f"threadcast.{name}": text
            for name, text in self._request.path_params.items()
            if name in _TRACED_PARAMETERS and UnifiedIdGenerator.is_valid_id(text)
        }
        return {
            "http.response.status_code": status,
            "threadcast.request_id": self._request_id,
            **ids,
        }

    def _marked(self, message: Message) -> Message:
        if message["type"] != "http.response.start":
            return message
        self._started = True
        own = [*self._headers, (b"x-request-id", self._request_id.encode())]
        return {**message, "headers": [*message.get("headers", ()), *own]}

    async def _refuse(
        self, error: ThreadcastError, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._node.metrics.refusals.labels(error.code).inc()
        if not self._started:
            has_pages = self._node.settings.role != "worker"
            answer = refusal_answer(error, scope, request_id=self._request_id, has_pages=has_pages)
            await answer(scope, receive, send)

    async def _answer(self) -> ASGIApp:
        request = self._request
        host = header(request, b"host", "bad_host")
        self._node.hosts.check(host)
        self._check_origin(host or "")
        refuse_token_in_url(request.scope["query_string"])
        if request.method == "OPTIONS" and self._methods:
            return self._preflight()
        method = self._methods.get("GET" if request.method == "HEAD" else request.method)
        if method is None:
            raise self._no_such_method()
        return await method.run(Call(request, self._node, self._identify))

    def _check_origin(self, host: str) -> None:
        request = self._request
        origin = header(request, b"origin")
        # Where a credential is needed, a request without one is refused anyway; probes have none.
        self._node.origins.check(origin, scheme=request.scope["scheme"], host=host, credential=True)
        self._headers.append((b"vary", b"origin"))
        if origin is not None:
            self._headers.append((b"access-control-allow-origin", origin.encode("latin-1")))
            self._headers.append((b"access-control-expose-headers", _ANSWER_HEADERS))

    def _preflight(self) -> ASGIApp:
        headers = {"allow": self._allow}
        if "access-control-request-method" in self._request.headers:
            headers |= {
                "access-control-allow-methods": self._allow,
                "access-control-allow-headers": _REQUEST_HEADERS,
                "access-control-max-age": str(_PREFLIGHT_MAX_AGE_S),
            }
        return Response(None, 204, headers)

    def _no_such_method(self) -> ThreadcastError:
        if not self._methods:
            return no_such_path()
        self._headers.append((b"allow", self._allow.encode()))
        return ThreadcastError("method_not_allowed", f"expected one of: {self._allow}")

    async def _identify(self, operation: str, *, while_unavailable: bool = False) -> UserCall:
        """Whose request this is; see `Identify`.

        Raises:
            ThreadcastError: what is wrong with the credential, `revoked`, `rate_limited`.
        """
        node, request = self._node, self._request
        token = bearer_token(request.scope["headers"])
        if token is None:
            node.gateway.sign_in.admit_stranger(address_of(request))
            raise ThreadcastError("not_authenticated")
        identity = await node.gateway.sign_in.verify(token, address_of(request))
        self._admit(identity.user_id)
        context = UserExecutionContext.create(
            identity.user_id, operation, request_id=self._request_id
        )
        try:
            async with node.sessions.open(context) as session:
                await unrevoked_head(session, identity)
        except ThreadcastError as error:
            if not (while_unavailable and error.code == "unavailable"):
                raise
        tracker = node.consistency.active
        trace = None if tracker is None or operation in _NOT_FOLLOWED else tracker.begun(context)
        return UserCall(request, node, self._identify, identity, context, trace)

    def _admit(self, user_id: str) -> None:
        wait_s = self._entrance.rates.take(user_id, self._node.clock.monotonic())
        if wait_s:
            self._node.checks.rates.refuse(rate_limited(wait_s))
