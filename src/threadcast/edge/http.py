"""One HTTP connection: uvicorn's httptools protocol with the bounds that it lacks.

Adds a deadline for a request's headers, limits on their size and number, a strict `Host`, all
checks of WebSocket upgrades, and problem documents for what is refused here. It may not know
routes, users or credentials.
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
from .discard import Discard
from .handshake import (
    UpgradeRequest,
    check_host,
    check_upgrade,
    has_body,
    refuse_during_shutdown,
    refuse_plain_request,
    wants_websocket,
)
from .problem import Refusal, refusal_response
from .websocket import EdgeWebSocketProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

log = logging.getLogger(__name__)

_TLS_HANDSHAKE = b"\x16\x03"
_LINE_OVERHEAD_BYTES = 4  # ": " and CRLF
_PIPELINED_MAX = 16  # beyond it, reading pauses
_HEAD_PIECE_BYTES = 1_024  # bounds how many requests one step may parse beyond `_PIPELINED_MAX`


class _RefusedError(Exception):
    """Aborts parsing; the reason is in the protocol's `_refusal`."""


class EdgeHttpProtocol(HttpToolsProtocol):
    """The transport's protocol from the first byte until it is closed or upgraded."""

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
        self._running: RequestResponseCycle | None = None
        self._refusal: Refusal | None = None
        self._upgrade: UpgradeRequest | None = None
        self._closed_to_input = False
        self._discard = Discard()
        self._received_any = False
        self._is_reader = False
        self._unread = b""
        self._in_head = True
        self._head_bytes = 0
        self._unparsed_bytes = 0
        self._whole_requests = 0
        self._line_is_whole = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._end_timer: asyncio.TimerHandle | None = None
        self.url = b""

    # The transport's calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by the transport."""
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the transport."""
        self._stop_head_timer()
        if self._end_timer is not None:
            self._end_timer.cancel()
        self._end_reading()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Called by the transport."""
        self._unset_keepalive_if_required()
        if self._closed_to_input:
            if self._discard.exceeded(data):
                self.transport.abort()
        elif self._unread:
            self._unread += data
        elif not self._received_any and data.startswith(_TLS_HANDSHAKE):
            self._close_tls_on_plain_port()
        elif self._received_any:
            self._parse(data)
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
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        """Feed the parser, in small pieces where one could hold many pipelined requests."""
        position = 0
        while position < len(data) and not self._closed_to_input:
            if len(self.pipeline) >= _PIPELINED_MAX:
                self._unread = data[position:]
                self.flow.pause_reading()
                return
            end = position + _HEAD_PIECE_BYTES if self._in_head else len(data)
            try:
                self._parse_piece(data[position:end])
            except httptools.HttpParserUpgrade as switch:
                self._switch(data[position + switch.args[0] :])
                return
            except httptools.HttpParserError:
                self._refuse(self._refusal or Refusal("bad_request", "HTTP/1.1 was expected."))
                return
            position = end

    def _parse_piece(self, piece: bytes) -> None:
        whole, at_begin = self._whole_requests, self._unparsed_bytes == 0
        if self._in_head:
            self._start_head_timer()
        self.parser.feed_data(piece)
        if not self._in_head:
            return
        if whole != self._whole_requests:  # another request ends in this piece
            piece, at_begin = piece[piece.rfind(b"\r\n\r\n") + 4 :], True
        text = piece.lstrip(b"\r\n") if at_begin else piece
        self._line_is_whole = self._line_is_whole or (bool(self.url) and b"\n" in text)
        self._unparsed_bytes += len(piece)
        if self._unparsed_bytes > self._limits.header_max_bytes:
            self._refuse(_headers_too_large(self._limits.header_max_bytes))

    def on_response_complete(self) -> None:
        """The response is complete: continue with pipelined requests."""
        self._end_reading()
        super().on_response_complete()
        if self._unread and not self.transport.is_closing():
            self.flow.pause_reading()
            data, self._unread = self._unread, b""
            self._parse(data)
            if not self._unread:
                self.flow.resume_reading()

    # The parser's calls

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head = True
        self._head_bytes = 0
        self._unparsed_bytes = 0
        self._line_is_whole = False
        self._start_head_timer()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the request target."""
        super().on_url(url)
        if len(self.url) > self._limits.header_line_max_bytes:
            limit = self._limits.header_line_max_bytes
            self._stop(Refusal("uri_too_long", f"At most {limit} bytes were expected."))
        self._head_bytes = len(self.url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header, or a trailer behind a chunked body (which is counted and dropped)."""
        limits = self._limits
        size = len(name) + len(value) + _LINE_OVERHEAD_BYTES
        self._head_bytes += size
        if size > limits.header_line_max_bytes:
            self._stop(_headers_too_large(limits.header_line_max_bytes))
        if self._head_bytes > limits.header_max_bytes:
            self._stop(_headers_too_large(limits.header_max_bytes))
        if len(self.headers) >= limits.headers_max:
            self._stop(
                Refusal("headers_too_large", f"At most {limits.headers_max} headers expected.")
            )
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The headers are complete: check them, then start the application."""
        self._in_head = False
        self._stop_head_timer()
        refusal = self._judge_head()
        if refusal is not None:
            self._stop(refusal)
        if path_of(self.url) in self._edge.stream_paths:
            self._begin_reading()
        super().on_headers_complete()
        if self._upgrade is None and self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """The request is complete; another one may begin."""
        super().on_message_complete()
        self._in_head = True
        self._head_bytes = 0
        self._unparsed_bytes = 0
        self._whole_requests += 1

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    # Judgement

    def _judge_head(self) -> Refusal | None:
        version = self.parser.get_http_version()
        method = self.parser.get_method().decode("ascii")
        refusal = check_host(version, self.headers)
        if refusal is not None:
            return refusal
        if wants_websocket(self.headers):
            return self._judge_upgrade(method, version)
        if self.parser.should_upgrade() and has_body(self.headers):
            return Refusal("bad_request", "An upgrade must not have a body.")
        if self.url.partition(b"?")[0] in self._edge.websocket_paths:
            return refuse_plain_request(method)
        return None

    def _judge_upgrade(self, method: str, version: str) -> Refusal | None:
        if self._edge.draining:
            return refuse_during_shutdown()
        verdict = check_upgrade(
            method=method,
            version=version,
            target=self.url,
            headers=self.headers,
            limits=self._limits,
        )
        if isinstance(verdict, Refusal):
            return verdict
        self._upgrade = verdict
        return None

    def _should_upgrade(self) -> bool:
        return self._upgrade is not None

    def _switch(self, early: bytes) -> None:
        if self._upgrade is None:
            self._closed_to_input = True
            return
        self.connections.discard(self)
        self.parser = None  # type: ignore[assignment]  # as uvicorn does: breaks a cycle
        protocol = EdgeWebSocketProtocol(self._edge, self.server_state, self.loop)
        state = self.app_state.copy()
        protocol.begin(self.transport, self._upgrade, early=early, state=state)

    # Readers of event streams; WebSockets are counted by their own protocol

    def _begin_reading(self) -> None:
        self._edge.admission.readers += not self._is_reader
        self._is_reader = True

    def _end_reading(self) -> None:
        self._edge.admission.readers -= self._is_reader
        self._is_reader = False

    # Refusing

    def _stop(self, refusal: Refusal) -> None:
        self._refusal = refusal
        raise _RefusedError

    def _refuse(self, refusal: Refusal) -> None:
        """Answer and end the connection; a response under way is finished first."""
        self._stop_head_timer()
        self._closed_to_input = True
        log.info("refused a request: %s", refusal.code)
        if self._may_answer_now():
            self.transport.write(refusal_response(refusal))
            self._end()

    def _may_answer_now(self) -> bool:
        """Whether a refusal may be written now; if not, make sure that the connection ends."""
        running = self._running
        if running is None or running.response_complete:
            return True
        if running is not self.cycle or not running.more_body:
            last = self.pipeline[0][0] if self.pipeline else running
            last.keep_alive = False  # the refused request is a later one
            return False
        running.disconnected = True
        running.message_event.set()
        if running.response_started:
            self.transport.close()
        return not running.response_started

    def _end(self) -> None:
        """End our side, but discard what the client still sends, so that it gets the answer.

        (Closing a socket that holds unread bytes resets it, and a reset can overtake the answer.)
        """
        if self.transport.can_write_eof():
            try:
                self.transport.write_eof()
            except OSError:  # the client has gone
                self.transport.abort()
                return
            self._end_timer = self.loop.call_later(
                min(1.0, self._limits.close_timeout_s), self.transport.abort
            )
        else:
            self.transport.close()

    def _close_tls_on_plain_port(self) -> None:
        log.warning("TLS on a plain port: closed; use http://, or terminate TLS at a proxy")
        self._stop_head_timer()
        self._closed_to_input = True
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
        if self._line_is_whole:
            self._refuse(Refusal("request_timeout", "The headers took too long."))
        else:
            self.transport.close()


def _headers_too_large(limit_bytes: int) -> Refusal:
    return Refusal("headers_too_large", f"At most {limit_bytes} bytes were expected.")
