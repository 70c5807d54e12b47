"""One HTTP connection: uvicorn's httptools protocol with the bounds that it lacks.

Adds a deadline for a request's headers, limits on their size and number, a strict `Host`, all
checks of WebSocket upgrades, and problem documents for what is refused here. It may not know
routes, users or credentials.

One request at a time: the parser gets the next one, or an upgrade, when the answer before it is
complete and the client has read it but for a bounded rest. Until then nothing more is read. So
uvicorn's `cycle`, the last request parsed, is always the one that is being answered, and its queue
of pipelined requests stays empty.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from .admission import asks_for_events, is_from_browser, path_of
from .config import EdgeConfig
from .ending import AnswerTransport, Ending
from .flow import EdgeFlow
from .handshake import UpgradeRequest, explain_unknown_method, judge_request, not_http
from .head import Head
from .pieces import Pieces
from .problem import Refusal, refusal_response
from .websocket import EdgeWebSocketProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

log = logging.getLogger(__name__)

_TLS_HANDSHAKE = b"\x16\x03"
_NO_VERSION = "0.0"  # of a connection's first request, until its line has named one
_ANSWER_STALL_MAX_S = 60.0  # strangers get answers, too; streams are kept longer


class _RefusedError(Exception):
    """Aborts parsing; the reason is in the protocol's `_refusal`."""


class EdgeHttpProtocol(HttpToolsProtocol):
    """The transport's protocol from the first byte until it is closed or upgraded."""

    flow: EdgeFlow
    _ending: Ending

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        if not isinstance(config, EdgeConfig):
            raise TypeError("EdgeHttpProtocol needs an EdgeConfig")
        self._edge = config
        self._limits = config.limits
        self._answer_stall_max_s = min(_ANSWER_STALL_MAX_S, config.limits.stall_max_s)
        self._refusal: Refusal | None = None
        self._upgrade: UpgradeRequest | None = None
        self._received_any = False
        self._is_reader = False
        self._pieces = Pieces()
        self._head = Head(config.limits)
        self._head_timer: asyncio.TimerHandle | None = None
        self.url = b""

    # The transport's calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by the transport."""
        super().connection_made(transport)
        self.flow = EdgeFlow(transport, self.loop, stall_max_s=self._answer_stall_max_s)
        self._ending = Ending(transport, self.loop, self.flow)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the transport."""
        self._stop_head_timer()
        self._ending.over()
        self._end_reading()
        self._pieces.take_all()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)
        # It holds this protocol: that would be garbage, which is seldom collected.
        self.cycle = None  # type: ignore[assignment]
        self.flow.end()

    def eof_received(self) -> None:
        """Called by the transport, which then closes: an answer under way cannot be completed."""
        if self._is_answering:
            self.transport.abort()
        else:
            self.flow.watch()

    def resume_writing(self) -> None:
        """Called by the transport: the client has read."""
        super().resume_writing()
        if self.flow.held and not self.transport.is_closing():
            self._feed()

    def data_received(self, data: bytes) -> None:
        """Called by the transport."""
        if self._ending.begun:
            self._ending.take(data)
        elif self._received_any:
            self._pieces.put(data)
            self._feed()
        elif data.startswith(_TLS_HANDSHAKE):
            self._close_tls_on_plain_port()
        else:
            self._received_any = True
            self._enqueue(data)

    def _enqueue(self, data: bytes) -> None:
        """Queue this connection for admission; the wait does not count against the client."""
        self._stop_head_timer()
        admission = self._edge.admission
        is_reader = asks_for_events(data, self._edge.reader_paths)
        if is_reader and not is_from_browser(data):
            retry_s = admission.retry_after_s()
            if retry_s is not None:
                self._refuse(Refusal("overloaded", retry_after_ms=round(retry_s * 1_000)))
                return
        self.transport.pause_reading()
        admission.enqueue(
            self.transport, lambda: self._on_admitted(data), self.loop, is_reader=is_reader
        )

    def _on_admitted(self, data: bytes) -> None:
        self.transport.resume_reading()
        self._start_head_timer()
        self._pieces.put(data)
        self._feed()

    # One request at a time

    @property
    def _is_answering(self) -> bool:
        """Whether the last request that was parsed has not been answered completely."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _feed(self) -> None:
        """Feed the parser with what came, and no further than to the end of one request."""
        self.flow.release()
        while self._pieces and not self._ending.begun:
            if self._pieces.in_head and (self._is_answering or self.flow.write_paused):
                self._hold()
                return
            piece = self._pieces.take()
            try:
                self._parse(piece)
            except httptools.HttpParserUpgrade as switch:
                self._switch(piece[switch.args[0] :] + self._pieces.take_all())
            except httptools.HttpParserInvalidMethodError:
                self._refuse(explain_unknown_method(piece))
            except httptools.HttpParserError:
                self._refuse(self._refusal or not_http())

    def _hold(self) -> None:
        """Read no further. A stream has no end to wait for, so that nothing may be behind it."""
        if self._is_reader:
            log.info("cut: bytes came behind a request for events")
            self._ending.begun = True
            self.transport.abort()
        else:
            self.flow.hold()

    def _parse(self, piece: bytes) -> None:
        if self._pieces.in_head:
            self._start_head_timer()
            self._head.take(piece)
            self.parser.feed_data(piece)
            refusal = self._head.judge(in_line=bool(self.url))
            if self._head.line_is_whole and self.parser.get_http_version() == _NO_VERSION:
                refusal = not_http()
        else:
            self._head.take_body(piece)
            self.parser.feed_data(piece)
            refusal = self._head.judge_body()
        if refusal is not None:
            self._refuse(refusal)

    def on_response_complete(self) -> None:
        """The answer is complete: continue with what the client sent behind its request."""
        self._end_reading()
        super().on_response_complete()
        if self._ending.begun:
            self._unset_keepalive_if_required()
        elif self.transport.is_closing():
            self.flow.watch()
        else:
            self._feed()

    def timeout_keep_alive_handler(self) -> None:
        """No request began in time after the answer to the last one."""
        if not self.transport.is_closing():
            self._ending.close()

    def shutdown(self) -> None:
        """Called by the server when it stops: who waits for the client is not waited for long."""
        super().shutdown()
        is_whole = self._pieces.in_head and self._is_answering
        if self._is_reader or self.flow.write_paused or not is_whole:
            # Then the tasks are cancelled.
            self._ending.bound(self._limits.shutdown_grace_s / 2, self.transport.abort)

    # The parser's calls

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._is_answering:  # it is behind a chunked body, where `Pieces` cannot cut
            self._stop_for(Refusal("bad_request", "No request was expected before the answer."))
        self._unset_keepalive_if_required()
        self._head.begin()
        self._start_head_timer()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the request target."""
        super().on_url(url)
        self._stop_for(self._head.url(self.url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header, or a trailer behind a chunked body (which is counted and dropped)."""
        self._stop_for(self._head.header(name, value))
        if self._pieces.in_head:
            super().on_header(name, value)
        else:
            self._head.passed()

    def on_headers_complete(self) -> None:
        """The headers are complete: check them, then start the application."""
        self._stop_head_timer()
        self._head.complete()
        self._stop_for(self._judge_head())
        if path_of(self.url) in self._edge.stream_paths:
            self._begin_reading()
        super().on_headers_complete()
        self._pieces.begin_body(self.headers)
        if self._upgrade is None and self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._pieces.passed(body)
        self._head.passed()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete; another one may begin."""
        super().on_message_complete()
        self._head.passed()
        self._pieces.begin_head()
        self.url = b""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        async def answer(
            scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
        ) -> None:
            try:
                await app(scope, receive, send)
            finally:
                self._cut_unless_complete(cycle)

        cycle.transport = AnswerTransport(self.transport, self._close_answered)  # type: ignore[assignment]
        super()._start_asgi_task(cycle, answer)

    def _cut_unless_complete(self, cycle: RequestResponseCycle) -> None:
        """End a connection whose answer remains incomplete; a close would wait for the client."""
        if cycle.response_started and not (cycle.response_complete or cycle.disconnected):
            log.info("cut: an answer could not be completed")
            cycle.disconnected = True
            self.transport.abort()

    # Judgement

    def _judge_head(self) -> Refusal | None:
        verdict = judge_request(
            method=self.parser.get_method().decode("ascii"),
            version=self.parser.get_http_version(),
            target=self.url,
            headers=self.headers,
            is_upgrade=self.parser.should_upgrade(),
            is_draining=self._edge.draining,
            websocket_paths=self._edge.websocket_paths,
            limits=self._limits,
        )
        if isinstance(verdict, UpgradeRequest):
            self._upgrade = verdict
            return None
        return verdict

    def _should_upgrade(self) -> bool:
        return self._upgrade is not None

    def _switch(self, early: bytes) -> None:
        if self._upgrade is None:
            self._ending.begun = True
            return
        self._end_reading()  # the new protocol counts its own
        self.connections.discard(self)
        self.parser = self.cycle = None  # type: ignore[assignment]  # as uvicorn does: breaks cycles
        protocol = EdgeWebSocketProtocol(self._edge, self.server_state, self.loop)
        state = self.app_state.copy()
        protocol.begin(self.transport, self._upgrade, early=early, state=state)

    # Readers of event streams; WebSockets are counted by their own protocol

    def _begin_reading(self) -> None:
        self._edge.admission.readers += not self._is_reader
        self._is_reader = True
        # The application has the same limit and says why; it gets the time to do so.
        limits = self._limits
        self.flow.stall_max_s = limits.stall_max_s + 2 * limits.close_timeout_s

    def _end_reading(self) -> None:
        self._edge.admission.readers -= self._is_reader
        self._is_reader = False
        self.flow.stall_max_s = self._answer_stall_max_s

    # Refusing

    def _stop_for(self, refusal: Refusal | None) -> None:
        if refusal is not None:
            self._refusal = refusal
            raise _RefusedError

    def _refuse(self, refusal: Refusal) -> None:
        """Answer and end the connection; a response under way is finished first."""
        self._stop_head_timer()
        self._ending.begun = True
        self.flow.release()
        log.info("refused a request: %s", refusal.code)
        if self._may_answer_now():
            self.transport.write(refusal_response(refusal))
            self._ending.linger(min(1.0, self._limits.close_timeout_s), self.transport.abort)

    def _may_answer_now(self) -> bool:
        """Whether a refusal may be written now; if not, make sure that the connection ends."""
        if not self._is_answering:
            if not self._pieces.in_head:  # the rest of a request that was answered early
                self._ending.close()
            return self._pieces.in_head
        if self._pieces.in_head:
            self.cycle.keep_alive = False  # the refused request is a later one
            return False
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        if self.cycle.response_started:
            self._ending.close()
        return not self.cycle.response_started

    def _close_answered(self) -> None:
        """Close after an answer."""
        if self._pieces.in_head:
            self._ending.close()
        else:
            self._ending.close_amid_body()

    def _close_tls_on_plain_port(self) -> None:
        log.warning("TLS on a plain port: closed; use http://, or terminate TLS at a proxy")
        self._stop_head_timer()
        self._ending.begun = True
        self.transport.close()

    # Time

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(
                self._limits.header_timeout_s, self._head_timed_out
            )

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_timed_out(self) -> None:
        self._head_timer = None
        if self._head.line_is_whole:
            self._refuse(Refusal("request_timeout", "The headers took too long."))
        else:
            self._ending.close()
